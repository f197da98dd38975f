// SPDX-License-Identifier: GPL-2.0-only
/* JSON (RFC 8259) into a seq_file. */
#include "tam.h"

/* Length of the character at @s in UTF-8 (RFC 3629), or 0: there is none. A NUL ends it. */
static int tam_utf8_length(const unsigned char *s)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int length = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	u32 c = s[0] & (0x7f >> length);
	int i;

	if (length == 1)
		return 1;
	if (s[0] < 0xc0 || s[0] > 0xf4)
		return 0;
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return length;
}

/* A process chooses its name; a byte that is no UTF-8 becomes U+FFFD. */
void tam_json_string(struct seq_file *m, const char *text)
{
	const unsigned char *s = text;

	seq_putc(m, '"');
	while (*s) {
		int length = tam_utf8_length(s);

		if (!length)
			seq_puts(m, "\\ufffd");
		else if (*s < 0x20 || *s == 0x7f)
			seq_printf(m, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			seq_printf(m, "\\%c", *s);
		else
			seq_write(m, s, length);
		s += max(length, 1);
	}
	seq_putc(m, '"');
}

void tam_json_record(struct seq_file *m, const struct tam_record *r)
{
	seq_printf(m, "{\"pid\":%d,\"parent\":%d,\"uid\":%u,\"comm\":", r->pid, r->parent,
		   r->uid);
	tam_json_string(m, r->comm);
	seq_printf(m, ",\"threads\":%d,\"start_ns\":%llu", r->threads, r->start_ns);
	seq_printf(m, ",\"reserved\":%llu,\"committed\":%llu", r->reserved, r->committed);
	seq_printf(m, ",\"peak_reserved\":%llu,\"peak\":%llu", r->peak_reserved, r->peak);
	seq_printf(m, ",\"swap\":%llu,\"page_tables\":%llu", r->swap, r->page_tables);
	if (r->oom_score < 0)
		seq_puts(m, ",\"oom_score\":null");
	else
		seq_printf(m, ",\"oom_score\":%d", r->oom_score);
	seq_printf(m, ",\"oom_score_adj\":%d}", r->oom_score_adj);
}
