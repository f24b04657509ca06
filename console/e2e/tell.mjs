// Results as the scenarios print them: "ok SENTENCE", "not ok SENTENCE: why".
let failed = 0;

export function tell(ok, sentence, why = "no") {
	console.log(ok ? `ok ${sentence}` : `not ok ${sentence}: ${why}`);
	if (!ok) failed++;
	return ok;
}

export const failures = () => failed;
