// Bytes as base64 text and back, and what they look like they are.

const NOT_BASE64 = /[^A-Za-z0-9+/]/;

/** Whether the text is base64 of the standard alphabet, with or without padding. */
export function isBase64(text: string): boolean {
  const digits = text.replace(/={1,2}$/, "");
  if (digits.length % 4 === 1 || NOT_BASE64.test(digits)) return false;
  return digits.length === text.length || text.length % 4 === 0;
}

/** The bytes; none if the text is no base64. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  if (!isBase64(base64)) return null;
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** How many arguments a function call takes safely. */
const PART_BYTES = 0x6000;

/** The base64 text of bytes. */
export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + PART_BYTES));
  }
  return btoa(text);
}

/** The text that bytes are in UTF-8; none if they are something else. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

export interface ImageType {
  readonly media: string;
  readonly extension: string;
}

const SIGNATURES: readonly (ImageType & { readonly begins: readonly (number | null)[] })[] = [
  { media: "image/jpeg", extension: "jpg", begins: [0xff, 0xd8, 0xff] },
  { media: "image/png", extension: "png", begins: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { media: "image/gif", extension: "gif", begins: [0x47, 0x49, 0x46, 0x38] },
  {
    media: "image/webp",
    extension: "webp",
    begins: [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50],
  },
];

/** The kind of image that bytes begin like. */
export function imageType(bytes: Uint8Array): ImageType | null {
  return SIGNATURES.find(({ begins }) => begins.every((byte, at) => byte === null || bytes[at] === byte)) ?? null;
}

/** Enough base64 for every signature. */
const HEAD_CHARS = 24;
/** Shorter text is taken as text, whatever it begins with. */
const IMAGE_CHARS_MIN = 64;

/** Whether text of unknown meaning is an image in base64. */
export function isImageText(text: string): boolean {
  if (text.length < IMAGE_CHARS_MIN) return false;
  const head = bytesOf(text.slice(0, HEAD_CHARS));
  return head !== null && imageType(head) !== null && isBase64(text);
}

const ROW_BYTES = 16;

/** Rows of a hex dump: offset, bytes, what is printable of them. */
export function hexRows(bytes: Uint8Array, rows: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length && lines.length < rows; at += ROW_BYTES) {
    const part = [...bytes.subarray(at, at + ROW_BYTES)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0"));
    const halves = `${hex.slice(0, 8).join(" ")}  ${hex.slice(8).join(" ")}`.padEnd(ROW_BYTES * 3 + 1);
    const shown = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${halves} ${shown}`);
  }
  return lines.join("\n");
}
