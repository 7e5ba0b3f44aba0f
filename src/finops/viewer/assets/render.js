/* Drawing the status into the page that is already there.  Elements are changed in place and
   never replaced, so that focus, selection and scrolling survive; text only ever becomes text. */

export const $ = (id) => document.getElementById(id);

const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const count = new Intl.NumberFormat("en-US");
const size = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const ACTIVE = ["queued", "running"];

export function isActive(state) {
  return Boolean(state) && ACTIVE.includes(state.status);
}

/* Sets text only where it differs: screen readers and selections notice every change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/* A disabled button would lose the focus, so it only says that it is, and does nothing. */
export function setDisabled(button, disabled) {
  const wanted = disabled ? "true" : "false";
  if (button.getAttribute("aria-disabled") !== wanted) button.setAttribute("aria-disabled", wanted);
}

export function isDisabled(button) {
  return button.getAttribute("aria-disabled") === "true";
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/* Removes an element; the focus, if it was inside, goes to `refuge` instead of nowhere. */
function leave(element, refuge) {
  if (element.contains(document.activeElement) && refuge) refuge.focus();
  element.remove();
}

/* Keeps one child of `list` for each item, in order: `create(item)` once, `update` each time.
   What has gone is removed first: an element that has to move would lose the focus. */
function keyed(list, items, key, create, update) {
  const names = new Set(items.map((item) => String(key(item))));
  for (const child of [...list.children]) {
    if (!names.has(child.dataset.key)) leave(child, child.refuge);
  }
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const name = String(key(item));
    let child = known.get(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] || null);
    update(child, item);
  });
}

export function clock(iso) {
  return iso ? new Date(iso).toLocaleTimeString("en-GB") : "";
}

export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(iso).getTime()) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const then = new Date(iso);
  return day(`${then.getFullYear()}-${then.getMonth() + 1}-${then.getDate()}`);
}

/* A date as all pages write it: "5 Jan 2025". */
function day(iso) {
  const [year, month, date] = iso.slice(0, 10).split("-").map(Number);
  return `${date} ${MONTHS[month - 1]} ${year}`;
}

function duration(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/* --- dataset ------------------------------------------------------------------------------ */

export function renderDataset(csv, datasets, growth) {
  setText($("csv-name"), csv.name);
  setText($("calls"), count.format(csv.calls));
  setText($("counting"), csv.counting ? "still counting" : "");
  setText($("size"), `${size.format(csv.size_mb)} of ${size.format(csv.target_mb)} MB`);
  $("size-progress").value = csv.progress_pct;
  setText($("growth"), growth > 0.005 ? `${size.format(growth)} MB/s` : "None");
  setText($("modified"), csv.modified_at ? `changed ${ago(csv.modified_at)}` : "");
  setText($("period"), csv.exists ? period(csv.period) : "no file yet");
  const names = datasets.map((one) => one.name);
  const select = $("switch-name");
  if ([...select.options].map((option) => option.value).join("\n") !== names.join("\n")) {
    const chosen = select.value;
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    select.value = names.includes(chosen) ? chosen : csv.name;
  }
}

function period(found) {
  if (!found || !found.start || !found.end) return "";
  return `${day(found.start)} to ${day(found.end)}`;
}

/* --- summary ------------------------------------------------------------------------------ */

export function renderSummary(findings) {
  setHidden($("summary"), findings.length === 0);
  setHidden($("summary-empty"), findings.length > 0);
  keyed($("summary"), findings.map((one, at) => ({ ...one, at })), (one) => one.at, createFinding, updateFinding);
}

function createFinding() {
  const item = make("li");
  const sum = make("div", "sum");
  sum.append(make("span", "figure"), make("small"));
  const words = make("div");
  words.append(make("small", "list"), make("strong"), make("span", "detail"));
  const source = make("div", "source");
  source.append(make("a"));
  item.append(sum, words, source);
  return item;
}

function updateFinding(item, one) {
  const worth = one.impact_usd_per_month;
  const figure = item.querySelector(".sum > span");
  figure.className = worth ? "figure" : `severity ${one.severity}`;
  setText(figure, worth ? money.format(worth) : one.severity.charAt(0).toUpperCase() + one.severity.slice(1));
  setText(item.querySelector(".sum small"), worth ? "per month" : "");
  setText(item.querySelector(".list"), one.list);
  setText(item.querySelector("strong"), one.title);
  setText(item.querySelector(".detail"), one.detail);
  const link = item.querySelector("a");
  const address = `/reports/${one.report}.html`;
  if (link.getAttribute("href") !== address) link.setAttribute("href", address);
  setText(link, one.report_title);
}

/* --- reports ------------------------------------------------------------------------------ */

const WORDS = { queued: "Waiting", running: "Running", error: "Failed", timeout: "Timed out" };

export function renderReports(reports, states, elapsed) {
  for (const report of Object.values(reports)) {
    renderReport($(`report-${report.id}`), report, states[report.id], elapsed);
  }
}

function renderReport(card, report, state, elapsed) {
  const active = isActive(state);
  const failed = state ? ["error", "timeout"].includes(state.status) : report.status === "failed";
  let [kind, word] = report.stale ? ["older", "Older than the data"] : ["ready", "Ready"];
  if (!report.exists) [kind, word] = ["missing", "Not generated yet"];
  if (active || failed) [kind, word] = [active ? "running" : "failed", state ? WORDS[state.status] : "Failed"];
  const className = `report ${kind}`;
  if (card.className !== className) card.className = className;
  setText(card.querySelector(".word"), word);
  setText(card.querySelector(".more"), more(report, state, active, failed, elapsed));
  setText(card.querySelector(".headline"), report.headline);
  setHidden(card.querySelector(".open"), !report.exists);
  setDisabled(card.querySelector(".run"), active);
}

function more(report, state, active, failed, elapsed) {
  if (active) return state.status === "running" ? duration((state.seconds || 0) + elapsed) : "";
  const parts = [];
  if (failed) parts.push((state ? state.error : report.reason) || "");
  if (report.exists) {
    const made = `${size.format(report.size_kb)} KB, generated ${ago(report.generated_at)}`;
    parts.push(failed ? `Showing the previous report, ${made}` : made);
  }
  return parts.filter(Boolean).join(" ");
}

/* --- jobs and activity -------------------------------------------------------------------- */

export function renderJobs(jobs, elapsed) {
  const active = jobs.filter(isActive).reverse();
  keyed($("jobs"), active, (job) => job.id, createJob, (item, job) => {
    setText(item.querySelector(".label"), job.label);
    const bar = item.querySelector("progress");
    if (job.progress_pct === null) bar.removeAttribute("value");
    else bar.value = job.progress_pct;
    const share = job.progress_pct === null ? "" : `${Math.floor(job.progress_pct)}%, `;
    const time = job.status === "queued" ? "waiting" : duration((job.seconds || 0) + elapsed);
    setText(item.querySelector(".time"), share + time);
  });
  setDisabled($("run-all"), active.some((job) => job.kind === "all"));
  setDisabled($("generate"), active.some((job) => job.kind === "generate"));
}

function createJob(job) {
  const item = make("li");
  const bar = make("progress");
  bar.max = 100;
  bar.setAttribute("aria-label", `Progress: ${job.label}`);
  const cancel = make("button", "cancel", "Cancel");
  cancel.type = "button";
  cancel.setAttribute("aria-label", `Cancel: ${job.label}`);
  item.append(make("span", "label"), bar, make("span", "time"), cancel);
  item.refuge = startedBy(job);
  return item;
}

/* Returns the button that starts such a job: there the focus goes when its Cancel has gone. */
function startedBy(job) {
  if (job.kind === "generate") return $("generate");
  const cards = [...document.querySelectorAll(".report")];
  const card = cards.find((one) => one.querySelector("h4").textContent === job.label);
  return card ? card.querySelector(".run") : $("run-all");
}

const KINDS = { info: "note", success: "done", error: "failed" };

export function renderActivity(entries) {
  keyed($("activity"), entries, (entry) => entry.number, (entry) => {
    const item = make("li", entry.level);
    const time = make("time", "", clock(entry.time));
    time.dateTime = entry.time;
    item.append(time, make("span", "kind", KINDS[entry.level] || "note"), make("span", "text", entry.text));
    return item;
  }, () => {});
}

export function renderMonitor(monitor) {
  if (!monitor.enabled) return setText($("monitor"), "Automatic regeneration is off; reports are generated on request.");
  const last = monitor.last_regeneration ? `; all reports last generated at ${clock(monitor.last_regeneration)}` : "";
  const trouble = monitor.last_error ? ` Error: ${monitor.last_error}` : "";
  setText($("monitor"), `Checks for new data every ${monitor.interval_s} s${last}.${trouble}`);
}

export function renderCollector(collector) {
  setHidden($("collector"), !collector.enabled);
  const events = collector.events === 1 ? "1 event" : `${count.format(collector.events)} events`;
  setText($("collector"), `Collecting into ${collector.dataset}: ${events} since the start.`);
}

/* --- connection and toasts ---------------------------------------------------------------- */

export function renderConnection(up, text) {
  const className = `connection ${up ? "up" : "down"}`;
  if ($("connection").className !== className) $("connection").className = className;
  setText($("connection-text"), text);
}

const TOAST_MS = 8000;
const TOASTS = 4;
let before = null;

/* Returns where the focus goes when a message is closed: the next one, or where it was before. */
function cameFrom(box) {
  const next = box.nextElementSibling || box.previousElementSibling;
  return next ? next.querySelector("button") : before || $("run-all");
}

/* Shows a message for a while; it stays as long as the pointer or the focus is on it. */
export function toast(text, level = "info") {
  const box = make("div", `toast ${level}`);
  const close = make("button", "", "Close");
  close.type = "button";
  close.addEventListener("click", () => leave(box, cameFrom(box)));
  box.addEventListener("focusin", (event) => {
    if (!$("toasts").contains(event.relatedTarget)) before = event.relatedTarget;
  });
  box.append(make("span", "", text), close);
  $("toasts").append(box);
  const old = [...$("toasts").children].filter((one) => !one.matches(":focus-within"));
  while ($("toasts").children.length > TOASTS && old.length > 1) old.shift().remove();
  const fade = () => {
    if (box.matches(":hover, :focus-within")) setTimeout(fade, TOAST_MS);
    else box.remove();
  };
  setTimeout(fade, TOAST_MS);
}
