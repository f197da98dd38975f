// SPDX-License-Identifier: MIT
// Hazard: the pages of the documentation are shown in a terminal; what is meant for a browser must not get in the way, and text that
// only looks like a mark must stay.
#include "help_texts.hpp"

#include <doctest/doctest.h>

using tamstat::without_marks;

TEST_CASE("without_marks takes away comments, headings, code and links, and no text") {
    CHECK(without_marks("<!-- SPDX -->\n# Title\n\n## a #b\n* `tamstat ps`: [columns](columns.md), or [b](c).\n#x\n") ==
          "Title\n\na #b\n* tamstat ps: columns, or b.\n#x\n");
    CHECK(without_marks("[heap]") == "[heap]\n");
    CHECK(without_marks("") == "");
}

TEST_CASE("pages were embedded whole") {
    CHECK(without_marks(tamstat::glossary_page).find("\nuntouched\n") != std::string::npos);
    CHECK(tamstat::exit_codes_page.find("* 5: ") != std::string_view::npos);
    CHECK(tamstat::json_schema.ends_with("}\n"));
}
