import { expect, test } from "vitest";
import { parseDocument } from "./parse.ts";

const shown = (body: string): string => JSON.stringify(parseDocument(body, "text/markdown").blocks);

test("attributes are read as a browser reads them: entities, quotes, case, the first of a name", () => {
  const tags = [
    '<span style="display&#58;none">',
    '<span style="display&colon;none">',
    "<span style='display:&#x6e;one'>",
    "<span style=display:none>",
    "<SPAN STYLE = 'display:none'>",
    '<span title=">" style="display:none">',
    '<span style="display:none" style="display:block">',
    "<span\nhidden>",
    "<span/hidden>",
  ];
  expect(tags.filter((tag) => shown(`shown ${tag}SECRET</span>`).includes("SECRET"))).toEqual([]);
  expect(shown('<div x" style="display:none">\nSECRET\n</div>\n\nshown')).not.toContain("SECRET");
  expect(shown('x <span title="hidden" data-style="display:none">shown</span>')).toContain("shown");
});

test("a hidden element ends where a browser ends it, not earlier", () => {
  const bodies = [
    "<div hidden><script></div></script>SECRET</div>",
    "<div hidden><textarea></div></textarea>SECRET</div>",
    "<span hidden><div></span>SECRET</div></span>",
    "<span hidden><div></section></span>SECRET</div></span>",
    "<div hidden><div></div>SECRET</div>",
    "<div hidden><table><tr><td></div>SECRET</td></tr></table></div>",
    '<div hidden><p title="</div>">SECRET</p></div>',
    "<div hidden><!-- </div> -->SECRET</div>",
    "<style>x</style >shown<style><b></b>SECRET</style>",
  ];
  expect(bodies.filter((body) => shown(`${body}\n\nshown`).includes("SECRET"))).toEqual([]);
  for (const body of [
    "<div hidden><p>a<p>b</div>shown",
    "<div hidden><ul><li>a<li>b</ul></div>shown",
    "<span hidden><br><b>a</b></span>shown",
  ]) {
    expect(shown(body)).toContain("shown");
  }
});

test("a character reference to something invisible is no text, unless it stands in code", () => {
  expect(shown("a&#x200B;b&#xE0041;&#917569;c&shy;d &amp; &#65;")).toContain('"abcd &amp; &#65;"');
  expect(shown("`&#x200B;`")).toContain("&#x200B;");
});
