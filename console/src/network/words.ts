import en from "../../i18n/network.en.json";
import ja from "../../i18n/network.ja.json";
import { addWords } from "../i18n";

/* The words of Firewall, Intrusion Prevention and common objects come with their screens. */
addWords({ en, ja });
