import en from "../../i18n/admin.en.json";
import ja from "../../i18n/admin.ja.json";
import { addWords } from "../i18n";
import "./admin.css";

/* The words of Administration, alerts and the dashboard come with their screens. */
addWords({ en, ja });
