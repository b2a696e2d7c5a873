// All that is live comes over one WebSocket, in numbered channels. A socket that is lost is opened again; a channel ends with it,
// unless whoever opened it asked to have it opened again.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { changes, get, sessionOver } from "./api.js";

/** Whether the node can be heard. */
export const connected = signal(true);

const LOST = { title: "The connection was lost", status: 0, detail: "The connection to the node was lost.", hint: "It is opened again as soon as the node answers." };
/** The node closes the socket with this code when the session is over. */
const SESSION_OVER = 4401;
/** Milliseconds between attempts to connect. */
const PAUSES = [200, 500, 1000, 2000, 5000];

const channels = new Map();
let socket = null;
let waiting = [];
let attempts = 0;
let count = 0;

/**
 * Open a channel. `handlers`: message(object), bytes(Uint8Array), end(problem or null), and `again`: open it again after the
 * socket was lost. Returns {send(object), write(Uint8Array), close()}.
 */
export function open(channel, params, handlers) {
  const number = (count += 1);
  const opening = JSON.stringify({ open: number, channel, params });
  channels.set(number, { ...handlers, opening });
  send(opening);
  return {
    send: (message) => channels.has(number) && send(JSON.stringify({ to: number, message })),
    write: (data) => channels.has(number) && send(framed(number, data)),
    close: () => channels.delete(number) && send(JSON.stringify({ close: number })),
  };
}

/** The last message of a channel; null before the first one. What goes wrong on the node stands beside it as `problem`. */
export function useChannel(channel, params = {}) {
  const [last, setLast] = useState(null);
  useEffect(() => {
    const opened = open(channel, params, { message: (found) => setLast((before) => (found.problem ? { ...before, problem: found.problem } : found)), again: true });
    return () => opened.close();
  }, [channel, JSON.stringify(params)]);
  return last;
}

function framed(number, data) {
  const frame = new Uint8Array(4 + data.length);
  new DataView(frame.buffer).setUint32(0, number);
  frame.set(data, 4);
  return frame;
}

function send(data) {
  if (socket?.readyState === WebSocket.OPEN) return socket.send(data);
  waiting.push(data);
  return connect();
}

function connect() {
  if (socket || sessionOver.value) return;
  socket = new WebSocket(`${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    attempts = 0;
    connected.value = true;
    for (const data of waiting.splice(0)) socket.send(data);
  };
  socket.onmessage = ({ data }) => (typeof data === "string" ? take(JSON.parse(data)) : takeBytes(data));
  socket.onclose = ({ code }) => lose(code);
}

function take(found) {
  if (!("end" in found)) return channels.get(found.from)?.message?.(found.message);
  if (found.problem?.status === 401) sessionOver.value = true;
  const channel = channels.get(found.end);
  if (channel?.again && !isRefused(found.problem)) return void setTimeout(reopen, PAUSES.at(-1), found.end);
  channels.delete(found.end);
  return channel?.end?.(found.problem);
}

/** Whether it makes no sense to ask again. */
const isRefused = (problem) => [400, 403, 404].includes(problem?.status);

/** Open a channel again that the node has ended. When the session is over, a new socket opens it. */
function reopen(number) {
  if (channels.has(number) && socket?.readyState === WebSocket.OPEN && !sessionOver.value) socket.send(channels.get(number).opening);
}

function takeBytes(data) {
  channels.get(new DataView(data).getUint32(0))?.bytes?.(new Uint8Array(data, 4));
}

/** The socket is gone. What is to be opened again waits for the next one; the rest hears of it. */
function lose(code) {
  socket = null;
  if (code === SESSION_OVER) sessionOver.value = true;
  connected.value = sessionOver.value;
  waiting = [];
  for (const [number, channel] of [...channels]) {
    if (channel.again) {
      waiting.push(channel.opening);
    } else {
      channels.delete(number);
      channel.end?.(LOST);
    }
  }
  // A browser does not say why a socket was refused: whoever asks for the session hears if there is none any more.
  if (attempts > 0 && !sessionOver.value) get("/session").catch(() => {});
  if (waiting.length) setTimeout(connect, PAUSES[Math.min(attempts++, PAUSES.length - 1)]);
}

// What was done here is seen at once, not when the node looks next.
changes.subscribe((done) => {
  if (!done || socket?.readyState !== WebSocket.OPEN) return;
  for (const [number, channel] of channels) if (channel.again) socket.send(JSON.stringify({ to: number, message: { look: true } }));
});

// A socket belongs to the session that it was opened with: a new session opens a new one.
sessionOver.subscribe((over) => !over && count && (socket ? socket.close() : connect()));
