// Numbers and times as people read them.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A number of bytes: "4.2 MB". */
export function bytes(count) {
  let unit = 0;
  for (; count >= 1000 && unit < UNITS.length - 1; unit += 1) count /= 1000;
  return `${unit && count < 10 ? count.toFixed(1) : Math.round(count)} ${UNITS[unit]}`;
}

/** A large number in few characters: "12k". */
export function short(count) {
  if (count === null || count === undefined || count === "") return "";
  return count < 10_000 ? String(Math.round(count * 10) / 10) : new Intl.NumberFormat("en", { notation: "compact" }).format(count);
}

/** Seconds since the epoch, or a time as ISO 8601 has it, as local date and time: "2026-11-28 05:07:31". */
export function moment(when) {
  if (!when) return "";
  const at = new Date(typeof when === "number" ? when * 1000 : when);
  const two = (number) => String(number).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}

/** A number of seconds: "3 h 20 min". */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** "1 path", "3 paths". */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** Whether a text has each of the words in it, whatever their case. */
export function matches(text, words) {
  const low = text.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => low.includes(word));
}
