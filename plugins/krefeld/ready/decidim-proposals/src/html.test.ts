import { equal, test } from "@stadtbus/plugin/testing";
import { plainText } from "./html.ts";

const CASES: [string, string][] = [
  ["<p>Am Rheinufer fehlen Trinkbrunnen.</p>", "Am Rheinufer fehlen Trinkbrunnen."],
  ["<p>eins</p><p>zwei<br>drei</p>", "eins\nzwei\ndrei"],
  ["a<script>alert(1)</script>b<style>p{}</style>c", "abc"],
  ["a<script>alert(1)", "a"],
  ["a<!-- <b> -->b<!-- offen", "ab"],
  ["&lt;script&gt;alert(1)&lt;/script&gt;", "‹script›alert(1)‹/script›"],
  ["<scr<script></script>ipt>alert(1)", "alert(1)"],
  ["<img src=x onerror=alert(1)", ""],
  ["5 < 6 &amp; 7 &gt; 6", "5 ‹ 6 & 7 › 6"],
  ["Gr&uuml;n&nbsp;&#8211; sch&#xf6;n &unbekannt; &#0;", "Grün – schön &unbekannt; \ufffd"],
  ["rechts\u202enach links", "rechts nach links"],
];

for (const [html, text] of CASES) {
  test(html, () => equal(plainText(html), text));
}
