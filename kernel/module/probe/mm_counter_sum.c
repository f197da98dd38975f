// SPDX-License-Identifier: GPL-2.0-only
/* Counters that are exact on request: since 6.17, and in stable releases of 6.12. */
#include <linux/mm.h>

unsigned long tam_probe(struct mm_struct *mm);
unsigned long tam_probe(struct mm_struct *mm)
{
	return get_mm_counter_sum(mm, MM_ANONPAGES);
}
