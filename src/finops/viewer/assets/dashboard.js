/* The live dashboard: asks for the status, draws it, and sends what the person asks for. */

import { ask, read, sentence } from "./api.js";
import {
  $, isActive, isDisabled, renderActivity, renderCollector, renderConnection, renderDataset,
  renderJobs, renderMonitor, renderReports, renderSummary, setDisabled, setText, toast,
} from "./render.js";

const POLL_MS = Number(document.body.dataset.pollS) * 1000;
const POLL_BUSY_MS = 1000;
const POLL_HIDDEN_MS = 60000;
const RETRY_FIRST_MS = 1000;
const RETRY_LAST_MS = 60000;
const TICK_MS = 1000;
const SIZE_STEP_MB = 50;

/* The shared navigation's script: theme and what goes along to other pages. */
place.start(() => {});

const now = { status: null, at: 0, failures: 0, timer: 0, next: 0, polling: false, growth: 0 };

/* --- polling ------------------------------------------------------------------------------ */

async function poll() {
  clearTimeout(now.timer);
  if (now.polling) return;
  now.polling = true;
  try {
    take(await read("/api/status"));
    now.failures = 0;
  } catch (error) {
    now.failures += 1;
    if (now.failures === 1) toast(sentence(error), "error");
  } finally {
    now.polling = false;
  }
  plan();
  draw();
}

/* Sets the next poll: soon while work runs, later when nobody looks, ever later while lost. */
function plan() {
  let wait = POLL_MS;
  if (now.failures > 0) wait = Math.min(RETRY_FIRST_MS * 2 ** (now.failures - 1), RETRY_LAST_MS);
  else if (document.hidden) wait = POLL_HIDDEN_MS;
  else if (now.status.jobs.some(isActive) || now.status.csv.counting) wait = POLL_BUSY_MS;
  now.next = performance.now() + wait;
  clearTimeout(now.timer);
  now.timer = setTimeout(poll, wait);
}

function take(status) {
  const before = now.status;
  const seconds = (performance.now() - now.at) / 1000;
  if (before && before.csv.name === status.csv.name) {
    now.growth = Math.max(0, status.csv.size_mb - before.csv.size_mb) / Math.max(seconds, 0.1);
    tell(before, status);
  } else {
    now.growth = 0;
    $("switch-name").value = status.csv.name;
  }
  now.status = status;
  now.at = performance.now();
  followFirstScreen(status);
}

/* Asks for the first screen anew where reports or findings are other ones, and at the poll after,
   since the server may read new results a little later than it reports them. */
let screen = { key: "", more: 0 };

function followFirstScreen(status) {
  const made = Object.values(status.reports).map((one) => one.generated_at);
  const key = JSON.stringify([status.csv.name, made, status.summary]);
  if (key === screen.key && screen.more === 0) return;
  screen = { key, more: key === screen.key ? screen.more - 1 : 2 };
  showFirstScreen();
}

async function showFirstScreen() {
  const response = await fetch("/first-screen", { cache: "no-store" }).catch(() => null);
  if (!response || !response.ok) return;
  const text = await response.text();
  const root = $("first-screen");
  if (text === root.shown) return;
  root.shown = text;
  const open = Boolean(root.querySelector("details[open]"));
  root.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
  const numbers = root.querySelector("details");
  if (numbers) numbers.open = open;
}

/* Tells by a toast what has changed: new pages in one sentence, and each job that failed. */
function tell(before, status) {
  const fresh = Object.entries(status.reports)
    .filter(([file, one]) => one.exists && one.generated_at !== before.reports[file].generated_at)
    .map(([, one]) => one.name);
  if (fresh.length > 3) toast(`${fresh.length} reports are new`, "success");
  else if (fresh.length > 0) toast(`New: ${fresh.join(", ")}`, "success");
  const running = new Set(before.jobs.filter(isActive).map((job) => job.id));
  for (const job of status.jobs) {
    if (!running.has(job.id) || isActive(job)) continue;
    if (job.status === "complete") {
      if (job.kind === "generate") toast(`${job.label}: done`, "success");
    } else {
      toast(`${job.label}: ${job.error || job.status}`, job.status === "cancelled" ? "info" : "error");
    }
  }
}

/* --- drawing ------------------------------------------------------------------------------ */

function draw() {
  drawConnection();
  const status = now.status;
  if (!status) return;
  const elapsed = (performance.now() - now.at) / 1000;
  renderDataset(status.csv, status.datasets, now.growth);
  renderSummary(status.summary);
  renderReports(status.reports, status.analyzer_status, elapsed);
  renderJobs(status.jobs, elapsed);
  renderActivity(status.activity);
  renderMonitor(status.monitor);
  renderCollector(status.collector);
  if (!$("generate-size").value && document.activeElement !== $("generate-size")) {
    const wanted = Math.max(status.csv.target_mb, Math.floor(status.csv.size_mb) + SIZE_STEP_MB);
    $("generate-size").value = Math.min(wanted, Number($("generate-size").max));
  }
}

function drawConnection() {
  const updated = now.status ? `Last updated ${new Date(now.status.timestamp).toLocaleTimeString("en-GB")}` : "";
  if (now.failures === 0) {
    if (now.status) renderConnection(true, `Connected. ${updated}.`);
    return;
  }
  const seconds = Math.max(0, Math.ceil((now.next - performance.now()) / 1000));
  renderConnection(false, `Cannot reach the server; trying again in ${seconds} s. ${updated}`);
}

/* Running times and the countdown go on between polls, from what is known. */
function tick() {
  drawConnection();
  if (document.hidden || now.failures > 0 || !now.status) return;
  if (!now.status.jobs.some(isActive)) return;
  const elapsed = (performance.now() - now.at) / 1000;
  renderReports(now.status.reports, now.status.analyzer_status, elapsed);
  renderJobs(now.status.jobs, elapsed);
}

/* --- what can be asked for ---------------------------------------------------------------- */

/* Sends one request for a button; the button is off meanwhile, and errors become toasts. */
async function act(button, address, parameters, body) {
  if (isDisabled(button)) return;
  setDisabled(button, true);
  try {
    await ask(address, parameters, body);
  } catch (error) {
    toast(sentence(error), "error");
  } finally {
    setDisabled(button, false);
  }
  await poll();
}

function connect() {
  $("run-all").addEventListener("click", (event) => act(event.currentTarget, "/api/run-all"));
  for (const card of document.querySelectorAll(".report")) {
    const button = card.querySelector(".run");
    button.setAttribute("aria-label", `Run ${card.querySelector("h4").textContent}`);
    button.addEventListener("click", () => act(button, "/api/run-analyzer", { id: card.dataset.id }));
  }
  $("jobs").addEventListener("click", (event) => {
    const button = event.target.closest(".cancel");
    if (button) act(button, "/api/cancel", { job: button.closest("li").dataset.key });
  });
  $("switch-form").addEventListener("submit", (event) => {
    event.preventDefault();
    act(event.currentTarget.querySelector("button"), "/api/dataset", { name: $("switch-name").value });
  });
  $("generate-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const scenario = $("generate-scenario").value;
    const body = { size_mb: Number($("generate-size").value), scenarios: scenario ? [scenario] : null };
    act($("generate"), "/api/generate", {}, body);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) plan();
    else poll();
  });
  window.addEventListener("online", poll);
}

document.documentElement.classList.add("scripted");
setText($("connection-text"), "Connecting…");
connect();
setInterval(tick, TICK_MS);
poll();
