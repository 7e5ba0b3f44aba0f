/* An example's page: runs it on request and shows what it prints, as it prints it. */

import { ask, read, sentence } from "./api.js";

const POLL_MS = 500;
const $ = (id) => document.getElementById(id);

/* The shared navigation's script: theme and what goes along to other pages. */
place.start(() => {});

let job = "";

async function run() {
  if (job) return;
  show("Starting…");
  try {
    const answer = await ask("/api/run-example", { id: $("run-example").dataset.id });
    job = answer.job.id;
    busy(true);
    $("output").textContent = "";
    $("output-section").hidden = false;
    await follow();
  } catch (error) {
    show(sentence(error));
  } finally {
    job = "";
    busy(false);
  }
}

async function follow() {
  for (;;) {
    const answer = await read("/api/job", { job });
    if ($("output").textContent !== answer.output) $("output").textContent = answer.output;
    const state = answer.job;
    if (state.status === "complete") {
      if ($("example-page")) $("example-page").hidden = false;
      return show(`Done in ${state.seconds} s.`);
    }
    if (state.status !== "queued" && state.status !== "running") return show(state.error || "Failed.");
    show(state.status === "queued" ? "Queued…" : "Running…");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function stop() {
  try {
    if (job) await ask("/api/cancel", { job });
  } catch (error) {
    show(sentence(error));
  }
}

function busy(running) {
  $("run-example").setAttribute("aria-disabled", String(running));
  $("stop-example").hidden = !running;
}

function show(text) {
  if ($("example-state").textContent !== text) $("example-state").textContent = text;
}

document.documentElement.classList.add("scripted");
if ($("run-example")) {
  $("run-example").addEventListener("click", run);
  $("stop-example").addEventListener("click", stop);
}
