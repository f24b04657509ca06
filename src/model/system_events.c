#include "model/event.h"

/* What manager and agent report of themselves; numbers as in the vendor's list where it has one. */

/* clang-format off */
static const struct event_field fields[] = {
	{ "ActionBy",        EV_TEXT, "Action by",     "実行者",        "the user or key, or System" },
	{ "AdministratorID", EV_INT,  "User ID",       "ユーザID",      "0: none" },
	{ "TargetType",      EV_TEXT, "Target type",   "対象の種類",    "computer, policy, ..." },
	{ "TargetID",        EV_INT,  "Target ID",     "対象ID",        "its ID in the API" },
	{ "TargetName",      EV_TEXT, "Target",        "対象",          "its name" },
	{ "Description",     EV_TEXT, "Description",   "説明",          "more, in words or values" },
	{ "Before",          EV_TEXT, "Before",        "変更前",        "the changed values before (JSON)" },
	{ "After",           EV_TEXT, "After",         "変更後",        "the changed values after (JSON)" },
	{ "ManagerNodeName", EV_TEXT, "Manager",       "Manager",       "the manager that wrote it; empty: an agent" },
	{ "Count",           EV_INT,  "Count",         "件数",          "how many" },
	{ "Process",         EV_TEXT, "Process",       "プロセス",      "the process of ours that is meant" },
	{ 0 },
};

static const struct event_kind kinds[] = {
	{ 100,  "manager-started",        SEVERITY_INFO,    "The manager started",                               "Managerが起動しました" },
	{ 101,  "manager-stopped",        SEVERITY_INFO,    "The manager stopped",                               "Managerが停止しました" },
	{ 102,  "manager-process-died",   SEVERITY_WARNING, "Process {Process} of the manager ended and was started again", "Managerのプロセス{Process}が終了したため再起動しました" },
	{ 105,  "event-refused",          SEVERITY_WARNING, "{Count} events of {TargetName} were not understood: {Description}", "{TargetName}のイベント{Count}件を解釈できませんでした: {Description}" },
	{ 150,  "settings-saved",         SEVERITY_INFO,    "{ActionBy} saved settings of {TargetName}",         "{ActionBy}が{TargetName}の設定を保存しました" },
	{ 170,  "manager-disk-low",       SEVERITY_ERROR,   "The manager has only {Count} MB of disk space left", "Managerの空きディスク容量が{Count}MBしかありません" },
	{ 171,  "manager-disk-enough",    SEVERITY_INFO,    "The manager has enough disk space again: {Count} MB", "Managerのディスク容量が回復しました: {Count}MB" },
	{ 180,  "alert-type-updated",     SEVERITY_INFO,    "{ActionBy} changed the alert {TargetName}", "{ActionBy}がアラート{TargetName}の設定を変更しました" },
	{ 190,  "alert-started",          SEVERITY_INFO,    "Alert: {TargetName}: {Description}", "アラート: {TargetName}: {Description}" },
	{ 192,  "alert-ended",            SEVERITY_INFO,    "Alert ended: {TargetName}: {Description}", "アラートの終了: {TargetName}: {Description}" },
	{ 197,  "alert-mail-sent",        SEVERITY_INFO,    "{TargetName} was sent", "{TargetName}を送信しました" },
	{ 198,  "alert-mail-failed",      SEVERITY_WARNING, "{TargetName} could not be sent: {Description}", "{TargetName}を送信できませんでした: {Description}" },
	{ 140,  "computers-discovered",   SEVERITY_INFO,    "Computers were looked for by {TargetName}: {Description}", "{TargetName}がコンピュータを検出しました: {Description}" },
	{ 250,  "computer-created",       SEVERITY_INFO,    "{ActionBy} added computer {TargetName}",            "{ActionBy}がコンピュータ{TargetName}を追加しました" },
	{ 251,  "computer-deleted",       SEVERITY_INFO,    "{ActionBy} deleted computer {TargetName}",          "{ActionBy}がコンピュータ{TargetName}を削除しました" },
	{ 252,  "computer-updated",       SEVERITY_INFO,    "{ActionBy} changed computer {TargetName}",          "{ActionBy}がコンピュータ{TargetName}を変更しました" },
	{ 255,  "activation-requested",   SEVERITY_INFO,    "Activation of {TargetName} was requested",          "{TargetName}の有効化が要求されました" },
	{ 256,  "policy-requested",       SEVERITY_INFO,    "{ActionBy} asked to send the policy to {TargetName}", "{ActionBy}が{TargetName}へのポリシーの送信を要求しました" },
	{ 260,  "port-scan-requested", SEVERITY_INFO, "{ActionBy} asked which ports of {TargetName} are open", "{ActionBy}が{TargetName}のオープンポートの検索を要求しました" },
	{ 261,  "port-scan-failed", SEVERITY_WARNING, "The scan for open ports of {TargetName} failed: {Description}", "{TargetName}のオープンポートの検索に失敗しました: {Description}" },
	{ 262,  "port-scan-done", SEVERITY_INFO, "{TargetName} was scanned for open ports: {Description}", "{TargetName}のオープンポートを検索しました: {Description}" },
	{ 259,  "deactivation-requested", SEVERITY_INFO,    "{ActionBy} asked to deactivate {TargetName}",       "{ActionBy}が{TargetName}の無効化を要求しました" },
	{ 269,  "job-retried",            SEVERITY_INFO,    "{ActionBy} asked {TargetName} to try a failed job again", "{ActionBy}が{TargetName}に失敗したジョブの再試行を要求しました" },
	{ 275,  "duplicate-computer",     SEVERITY_WARNING, "{TargetName} was activated while another agent of this name was online: {Description}", "同じ名前のエージェントがオンラインの間に{TargetName}が有効化されました: {Description}" },
	{ 290,  "group-created",          SEVERITY_INFO,    "{ActionBy} added group {TargetName}",               "{ActionBy}がグループ{TargetName}を追加しました" },
	{ 291,  "group-deleted",          SEVERITY_INFO,    "{ActionBy} deleted group {TargetName}",             "{ActionBy}がグループ{TargetName}を削除しました" },
	{ 292,  "group-updated",          SEVERITY_INFO,    "{ActionBy} changed group {TargetName}",             "{ActionBy}がグループ{TargetName}を変更しました" },
	{ 350,  "policy-created",         SEVERITY_INFO,    "{ActionBy} added policy {TargetName}",              "{ActionBy}がポリシー{TargetName}を追加しました" },
	{ 351,  "policy-deleted",         SEVERITY_INFO,    "{ActionBy} deleted policy {TargetName}",            "{ActionBy}がポリシー{TargetName}を削除しました" },
	{ 352,  "policy-updated",         SEVERITY_INFO,    "{ActionBy} changed policy {TargetName}",            "{ActionBy}がポリシー{TargetName}を変更しました" },
	{ 370,  "object-created",         SEVERITY_INFO,    "{ActionBy} added {TargetType} {TargetName}",        "{ActionBy}が{TargetType} {TargetName}を追加しました" },
	{ 371,  "object-deleted",         SEVERITY_INFO,    "{ActionBy} deleted {TargetType} {TargetName}",      "{ActionBy}が{TargetType} {TargetName}を削除しました" },
	{ 372,  "object-updated",         SEVERITY_INFO,    "{ActionBy} changed {TargetType} {TargetName}",      "{ActionBy}が{TargetType} {TargetName}を変更しました" },
	{ 560,  "task-created",           SEVERITY_INFO,    "{ActionBy} added scheduled task {TargetName}",      "{ActionBy}が予約タスク{TargetName}を追加しました" },
	{ 561,  "task-deleted",           SEVERITY_INFO,    "{ActionBy} deleted scheduled task {TargetName}",    "{ActionBy}が予約タスク{TargetName}を削除しました" },
	{ 562,  "task-updated",           SEVERITY_INFO,    "{ActionBy} changed scheduled task {TargetName}",    "{ActionBy}が予約タスク{TargetName}を変更しました" },
	{ 563,  "scheduled-task-manual",  SEVERITY_INFO,    "{ActionBy} ran scheduled task {TargetName}", "{ActionBy}が予約タスク{TargetName}を実行しました" },
	{ 564,  "scheduled-task-started", SEVERITY_INFO,    "Scheduled task {TargetName} started ({ActionBy})",  "予約タスク{TargetName}を開始しました({ActionBy})" },
	{ 565,  "scheduled-task-ended",   SEVERITY_INFO,    "Scheduled task {TargetName} ended: {Description}",  "予約タスク{TargetName}が終了しました: {Description}" },
	{ 566,  "scheduled-task-failed",  SEVERITY_WARNING, "Scheduled task {TargetName} failed: {Description}", "予約タスク{TargetName}に失敗しました: {Description}" },
	{ 567,  "scheduled-task-missed",  SEVERITY_WARNING, "Runs of scheduled task {TargetName} were missed: {Description}", "予約タスク{TargetName}の実行を逃しました: {Description}" },
	{ 568,  "batch-started",          SEVERITY_INFO,    "{ActionBy} started {TargetName} on many computers", "{ActionBy}が複数のコンピュータで{TargetName}を開始しました" },
	{ 569,  "batch-cancelled",        SEVERITY_INFO,    "{ActionBy} cancelled {TargetName} on many computers", "{ActionBy}が複数のコンピュータでの{TargetName}をキャンセルしました" },
	{ 570,  "summary-sent",           SEVERITY_INFO,    "The alert summary of {TargetName} is sent to {Count} receivers", "{TargetName}のアラートの概要を{Count}件の宛先に送信します" },
	{ 580,  "event-task-created",     SEVERITY_INFO,    "{ActionBy} added event-based task {TargetName}", "{ActionBy}がイベントベースタスク{TargetName}を追加しました" },
	{ 581,  "event-task-deleted",     SEVERITY_INFO,    "{ActionBy} deleted event-based task {TargetName}", "{ActionBy}がイベントベースタスク{TargetName}を削除しました" },
	{ 582,  "event-task-updated",     SEVERITY_INFO,    "{ActionBy} changed event-based task {TargetName}", "{ActionBy}がイベントベースタスク{TargetName}を変更しました" },
	{ 583,  "event-task-triggered",   SEVERITY_INFO,    "Event-based task {TargetName} acted: {Description}", "イベントベースタスク{TargetName}を実行しました: {Description}" },
	{ 584,  "event-task-failed",      SEVERITY_WARNING, "Event-based task {TargetName} failed: {Description}", "イベントベースタスク{TargetName}に失敗しました: {Description}" },
	{ 590,  "forwarding-failed",      SEVERITY_WARNING, "Events cannot be forwarded to {TargetName}: {Description}", "イベントを{TargetName}に転送できません: {Description}" },
	{ 591,  "forwarding-resumed",     SEVERITY_INFO,    "Events are forwarded to {TargetName} again", "{TargetName}へのイベント転送を再開しました" },
	{ 600,  "user-signed-in",         SEVERITY_INFO,    "{ActionBy} signed in",                              "{ActionBy}がログオンしました" },
	{ 601,  "user-signed-out",        SEVERITY_INFO,    "{ActionBy} signed out",                             "{ActionBy}がログオフしました" },
	{ 603,  "user-locked-out",        SEVERITY_WARNING, "{TargetName} was locked out after failed sign-ins", "ログオンの失敗により{TargetName}がロックされました" },
	{ 608,  "sign-in-failed",         SEVERITY_WARNING, "Sign-in of {TargetName} failed: {Description}",     "{TargetName}のログオンに失敗しました: {Description}" },
	{ 653,  "password-set",           SEVERITY_INFO,    "{ActionBy} set the password of {TargetName}", "{ActionBy}が{TargetName}のパスワードを設定しました" },
	{ 704,  "activated",              SEVERITY_INFO,    "{TargetName} was activated",                        "{TargetName}が有効化されました" },
	{ 705,  "activation-refused",     SEVERITY_WARNING, "Activation of {TargetName} was refused: {Description}", "{TargetName}の有効化を拒否しました: {Description}" },
	{ 708,  "deactivated",            SEVERITY_INFO,    "{TargetName} was deactivated",                      "{TargetName}が無効化されました" },
	{ 717,  "cloned-agent",           SEVERITY_ERROR,   "Two hosts use the identity of {TargetName}: {Description}", "2台のホストが{TargetName}の識別情報を使用しています: {Description}" },
	{ 720,  "policy-sent",            SEVERITY_INFO,    "The policy of {TargetName} was sent",               "{TargetName}のポリシーを送信しました" },
	{ 721,  "policy-refused",         SEVERITY_ERROR,   "A policy was refused by the agent: {Description}",  "エージェントがポリシーを拒否しました: {Description}" },
	{ 730,  "agent-offline",          SEVERITY_WARNING, "{TargetName} is offline",                           "{TargetName}がオフラインです" },
	{ 731,  "agent-online",           SEVERITY_INFO,    "{TargetName} is back online",                       "{TargetName}がオンラインに戻りました" },
	{ 734,  "clock-changed",          SEVERITY_WARNING, "The clock of {TargetName} was changed by {Count} seconds", "{TargetName}の時計が{Count}秒変更されました" },
	{ 741,  "process-died",           SEVERITY_WARNING, "Process {Process} of the agent ended and was started again", "エージェントのプロセス{Process}が終了したため再起動しました" },
	{ 771,  "unknown-agent",          SEVERITY_WARNING, "An agent with an unknown certificate called from {TargetName}",       "{TargetName}の不明な証明書を持つエージェントから接続がありました" },
	{ 800,  "alert-dismissed",        SEVERITY_INFO,    "{ActionBy} dismissed the alert {TargetName}: {Description}", "{ActionBy}がアラート{TargetName}を消去しました: {Description}" },
	{ 850,  "fingerprint-probe",      SEVERITY_WARNING, "{TargetName} probes which operating system this is: {Description}", "{TargetName}がOSの種類を調べています: {Description}" },
	{ 851,  "network-or-port-scan",   SEVERITY_WARNING, "{TargetName} scans the network or its ports: {Description}", "{TargetName}がネットワークまたはポートを検索しています: {Description}" },
	{ 852,  "tcp-null-scan",          SEVERITY_WARNING, "{TargetName} sends TCP segments without flags: {Description}", "{TargetName}がフラグのないTCPセグメントを送信しています: {Description}" },
	{ 853,  "tcp-syn-fin-scan",       SEVERITY_WARNING, "{TargetName} sends TCP segments with SYN and FIN: {Description}", "{TargetName}がSYNとFINのTCPセグメントを送信しています: {Description}" },
	{ 854,  "tcp-xmas-scan",          SEVERITY_WARNING, "{TargetName} sends Xmas segments: {Description}", "{TargetName}がXmasセグメントを送信しています: {Description}" },
	{ 1530, "file-restored",          SEVERITY_INFO,    "{TargetName} was restored",                         "{TargetName}を復元しました" },
	{ 1531, "file-deleted",           SEVERITY_INFO,    "{TargetName} was deleted from the quarantine",      "隔離された{TargetName}を削除しました" },
	{ 1532, "file-fetched",           SEVERITY_INFO,    "{TargetName} was fetched from the quarantine",      "隔離された{TargetName}を取得しました" },
	{ 5000, "agent-started",          SEVERITY_INFO,    "The agent started",                                 "エージェントが起動しました" },
	{ 5003, "agent-stopped",          SEVERITY_INFO,    "The agent stopped",                                 "エージェントが停止しました" },
	{ 5100, "policy-applied",         SEVERITY_INFO,    "Policy version {Count} is in force",                "ポリシーバージョン{Count}が適用されました" },
	{ 8000, "integrity-baseline-created", SEVERITY_INFO, "An integrity baseline was made: {Description}", "変更監視のベースラインを作成しました: {Description}" },
	{ 8002, "integrity-scan-ended", SEVERITY_INFO, "A scan for integrity changes ended: {Description}", "変更の検索が終了しました: {Description}" },
	{ 8003, "integrity-variable-unknown", SEVERITY_WARNING, "An integrity rule names a variable that is not there: {Description}", "変更監視ルールの変数が不明です: {Description}" },
	{ 8004, "integrity-base-bad", SEVERITY_WARNING, "An integrity rule has a base directory that cannot be: {Description}", "変更監視ルールのベースディレクトリが無効です: {Description}" },
	{ 8006, "integrity-entity-unsupported", SEVERITY_WARNING, "An integrity rule has a set that does not apply here: {Description}", "変更監視ルールのセットはこの環境に該当しません: {Description}" },
	{ 8008, "integrity-feature-unsupported", SEVERITY_WARNING, "An integrity rule has a feature that does not apply here: {Description}", "変更監視ルールの条件はこの環境に該当しません: {Description}" },
	{ 8010, "integrity-attribute-unsupported", SEVERITY_WARNING, "An integrity rule has an attribute that does not apply here: {Description}", "変更監視ルールの属性はこの環境に該当しません: {Description}" },
	{ 8011, "integrity-baseline-damaged", SEVERITY_ERROR, "The integrity baseline is damaged or was tampered with: {Description}", "変更監視のベースラインが破損または改ざんされています: {Description}" },
	{ 8012, "integrity-scan-failed", SEVERITY_ERROR, "A scan for integrity changes failed: {Description}", "変更の検索に失敗しました: {Description}" },
	{ 8013, "integrity-scan-cancelled", SEVERITY_WARNING, "A scan for integrity changes was cancelled", "変更の検索がキャンセルされました" },
	{ 9000, "scan-started",           SEVERITY_INFO,    "A malware scan started: {Description}",             "不正プログラムの検索を開始しました: {Description}" },
	{ 9001, "scan-ended",             SEVERITY_INFO,    "A malware scan ended: {Description}",               "不正プログラムの検索が終了しました: {Description}" },
	{ 9002, "scan-cancelled",         SEVERITY_WARNING, "A malware scan was cancelled: {Description}",       "不正プログラムの検索がキャンセルされました: {Description}" },
	{ 9010, "signatures-loaded",      SEVERITY_INFO,    "{Count} signatures were loaded",                    "シグネチャ{Count}件を読み込みました" },
	{ 9011, "signatures-failed",      SEVERITY_ERROR,   "Signatures could not be loaded: {Description}",     "シグネチャを読み込めませんでした: {Description}" },
	{ 9020, "scanner-slow",           SEVERITY_WARNING, "The scanner did not answer for {Count} accesses; they were decided as the policy says: {Description}", "検索プロセスが{Count}件のアクセスに応答しなかったため、ポリシーに従って処理しました: {Description}" },
	{ 9030, "quarantine-full",        SEVERITY_WARNING, "The quarantine was full; {Count} of the oldest files were dropped", "隔離領域がいっぱいになったため、古いファイル{Count}件を破棄しました" },
	{ 9031, "file-dropped",           SEVERITY_INFO,    "{TargetName} was dropped from the quarantine, which was full", "隔離領域がいっぱいになったため、{TargetName}を破棄しました" },
	{ 9040, "events-lost",            SEVERITY_ERROR,   "The spool was full; {Count} events were lost",      "スプールがいっぱいになったため、イベント{Count}件が失われました" },
	{ 9041, "spool-repaired",         SEVERITY_WARNING, "The event spool was damaged and repaired: {Description}", "イベントスプールの破損を修復しました: {Description}" },
	{ 0 },
};
/* clang-format on */

const struct event_class event_class_system = {
	.name = "system",
	.type = "SystemEvent",
	.en = "System events",
	.ja = "システムイベント",
	.fields = fields,
	.kinds = kinds,
};

/* clang-format off */
const struct system_number system_numbers[] = {
#define NUMBER(number, level, en, ja) { number, SEVERITY_##level, en, ja },
#include "model/system_numbers.def"
#undef NUMBER
	{ .en = NULL },
};
/* clang-format on */

const struct system_number *system_number_find(uint32_t number)
{
	for (const struct system_number *n = system_numbers; n->en; n++)
		if (n->number == number)
			return n;
	return NULL;
}
