/* Talking to the server: one function for reading, one for asking, each with a time limit. */

const TIME_LIMIT_MS = 10000;

async function request(address, options) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), TIME_LIMIT_MS);
  try {
    const response = await fetch(address, { ...options, signal: control.signal, cache: "no-store" });
    const body = await response.json();
    if (!response.ok) {
      const error = new Error(body.error || "The server refused.");
      error.status = response.status;
      throw error;
    }
    return body;
  } finally {
    clearTimeout(timer);
  }
}

/* Returns the JSON at an address; throws an Error with a sentence where the server refuses. */
export function read(address, parameters = {}) {
  return request(withQuery(address, parameters), {});
}

/* Posts a JSON body and returns the JSON answer. */
export function ask(address, parameters = {}, body = {}) {
  return request(withQuery(address, parameters), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

function withQuery(address, parameters) {
  const query = new URLSearchParams(parameters).toString();
  return query ? `${address}?${query}` : address;
}

/* Returns what to tell a person of an error; `status` is only there where the server spoke. */
export function sentence(error) {
  return error.status ? error.message : "Cannot reach the server.";
}
