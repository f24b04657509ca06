// The catalogues of both languages, part by part: the same keys, no key in two parts, the same placeholders, Japanese in
// every Japanese text but names.
import { readdirSync, readFileSync } from "node:fs";

const problems = [];
function catalogue(language) {
	const files = readdirSync("i18n").filter((f) => f === `${language}.json` || f.endsWith(`.${language}.json`));
	const all = {};
	for (const file of files.sort())
		for (const [key, text] of Object.entries(JSON.parse(readFileSync(`i18n/${file}`, "utf8")))) {
			if (key in all) problems.push(`${key} of ${file} is in another part too`);
			all[key] = text;
		}
	return all;
}
const en = catalogue("en");
const ja = catalogue("ja");
const marks = (s) => (s.match(/\{\w+\}/g) ?? []).sort().join();
for (const key of new Set([...Object.keys(en), ...Object.keys(ja)])) {
	if (!(key in en) || !(key in ja)) problems.push(`${key} is in one catalogue only`);
	else if (marks(en[key]) !== marks(ja[key])) problems.push(`${key} has other placeholders in Japanese`);
	else if (!/[ぁ-んァ-ヶ一-龠、]/.test(ja[key])) problems.push(`${key} has no Japanese`);
	else if (/コンピューター|サーバー|ユーザー|フォルダー/.test(ja[key])) problems.push(`${key}: no long-vowel mark`);
}
for (const p of problems) console.error(p);
process.exit(problems.length ? 1 : 0);
