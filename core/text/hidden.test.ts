import { expect, test } from "vitest";
import { styleHides } from "./hidden.ts";
import { parseDocument } from "./parse.ts";

const hiding = [
  "display:none",
  "DISPLAY : NONE",
  "display:none!important",
  "display: none ! important; display:block",
  "color:red;;display:none",
  "/* ; */dis/**/play:none",
  "display:/*x*/none",
  "\\64 isplay:none",
  "d\\69splay:non\\65",
  "--x:none; display:var(--x)",
  "display:var(--y, none)",
  'content:";"; display:none',
  "background:url(data:a;b); display:none",
  "visibility:hidden",
  "visibility:collapse",
  "content-visibility:hidden",
  "opacity:0",
  "opacity:.0",
  "opacity:0%",
  "opacity:0.01",
  "opacity:1e-9",
  "filter:opacity(0)",
  "font-size:0",
  "font-size:0em",
  "font-size:0.0vw",
  "font-size:.1px",
  "font-size:1%",
  "font:0/0 a",
  "font:italic 0px serif",
  "width:0;overflow:hidden",
  "overflow-y:clip;max-height:0px",
  "position:absolute;left:-9999px",
  "position:fixed;top:-100em",
  "position:absolute;right:9999px",
  "position:absolute;left:calc(0px - 9999px)",
  "position:absolute;left:-100vw",
  "margin-left:-5000px",
  "text-indent:-999em",
  "text-indent:-9999px",
  "transform:translateX(-9999px)",
  "transform:rotate(3deg) translate( -5000px , 0)",
  "transform:scale(0)",
  "transform:scale(1, 0)",
  "translate:0 -2000px",
  "scale:0",
  "position:absolute;clip:rect(0,0,0,0)",
  "clip:rect(1px 1px 1px 1px)",
  "clip-path:inset(50%)",
  "clip-path:inset(100%)",
  "clip-path:circle(0)",
  "clip-path:polygon(0 0, 0 0, 0 0)",
  "color:transparent",
  "color:rgba(0,0,0,0)",
  "color:rgb(0 0 0 / 0%)",
  "color:#fff0",
  "color:hsla(0,0%,0%,.01)",
  "-webkit-text-fill-color:transparent",
  "color:white;background:#fff",
  "background-color:rgb(255,255,255);color:#fefefe",
  "color:hsl(0 0% 100%);background:white url(x.png)",
  `left:${"(".repeat(2_000)}`,
];
for (const style of hiding) {
  test(`a style that hides: ${style.slice(0, 60)}`, () => {
    expect(styleHides(style)).toBe(true);
    const attribute = style.replaceAll('"', "&quot;");
    for (const [type, body] of [
      ["text/html", `<p>shown</p><div style="${attribute}"><p>SECRET</p></div>`],
      [
        "text/markdown",
        `shown <span style="${attribute}">SECRET</span>\n\n<div style="${attribute}">\n\nSECRET\n\n</div>`,
      ],
    ] as const) {
      expect(parseDocument(body, type).blocks.map((block) => block.text)).toEqual(["shown"]);
    }
  });
}

test("ordinary styles hide nothing", () => {
  const ordinary = [
    "",
    "display:block",
    "opacity:1",
    "opacity:0.5",
    "opacity:80%",
    "font-size:0.9em",
    "font-size:80%",
    "font-size:calc(1rem + 1vw)",
    "font:italic bold 12px/30px Georgia, serif",
    "font:400 1em/1 Arial",
    "width:0",
    "overflow:hidden;width:100px;line-height:1",
    "position:absolute;left:50%;top:50%;transform:translate(-50%,-50%)",
    "position:absolute;top:12000px;left:300px",
    "margin:0 -15px",
    "text-indent:2em",
    "transform:scale(1.5) rotate(-5deg)",
    "transform:scale(0.5)",
    "clip:rect(auto,auto,auto,auto)",
    "clip:rect(0,100px,50px,0)",
    "clip-path:circle(40%)",
    "clip-path:inset(10% 20%)",
    "clip-path:polygon(0 0, 100% 0, 100% 100%)",
    "color:#333;background:#fff",
    "color:white;background:navy",
    "color:hsl(0 100% 50%);background:hsl(120 100% 50%)",
    "background:transparent",
    "content:'display:none'",
    "/* display:none */ color:red",
    "x-display:none",
    `background:url(data:image/png;base64,${"A".repeat(5_000)})`,
  ];
  expect(ordinary.filter((style) => styleHides(style))).toEqual([]);
});

test("a style of more than a thousand declarations hides, whatever they say", () => {
  expect(styleHides("color:red;".repeat(1_000))).toBe(false);
  expect(styleHides("color:red;".repeat(1_001))).toBe(true);
  expect(styleHides(`background:url(${"a".repeat(300_000)})`)).toBe(true);
});

test("a long style is read in one pass, whatever it repeats", () => {
  for (const part of [
    "/*",
    "/*a",
    "\\64 ",
    "color:red;",
    "color:red;background:blue;",
    "transform:",
    "var(--x)",
    "--x:var(--x);",
    "(",
    "a",
  ]) {
    expect(typeof styleHides(part.repeat(250_000 / part.length))).toBe("boolean");
  }
});

test("what only screen readers are kept from, and what can be unfolded, stays", () => {
  const body = '<p aria-hidden="true">shown</p><details><summary>more</summary><p>inner</p></details>';
  expect(parseDocument(body, "text/html").blocks.map((block) => block.text)).toEqual(["shown", "more", "inner"]);
});
