/* SPDX-License-Identifier: MIT
 * Of mimalloc's innermost the tests need nothing.
 */
#pragma once
