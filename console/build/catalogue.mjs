// Both catalogues: the same keys, the same placeholders, Japanese in every Japanese text but names.
import { readFileSync } from "node:fs";

const en = JSON.parse(readFileSync("i18n/en.json", "utf8"));
const ja = JSON.parse(readFileSync("i18n/ja.json", "utf8"));
const problems = [];
const marks = (s) => (s.match(/\{\w+\}/g) ?? []).sort().join();
for (const key of new Set([...Object.keys(en), ...Object.keys(ja)])) {
	if (!(key in en) || !(key in ja)) problems.push(`${key} is in one catalogue only`);
	else if (marks(en[key]) !== marks(ja[key])) problems.push(`${key} has other placeholders in Japanese`);
	else if (!/[ぁ-んァ-ヶ一-龠、]/.test(ja[key])) problems.push(`${key} has no Japanese`);
	else if (/コンピューター|サーバー|ユーザー|フォルダー/.test(ja[key])) problems.push(`${key}: no long-vowel mark`);
}
for (const p of problems) console.error(p);
process.exit(problems.length ? 1 : 0);
