// Bytes survive their text form, and are recognised for what they are.
import { expect, test } from "vitest";
import { base64Of, bytesOf, hexRows, imageType, isBase64, isImageText, textOf } from "./bytes";

test("bytes come back from base64", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256);
  expect(bytesOf(base64Of(bytes))).toEqual(bytes);
});

test("base64 may leave its padding out, and must be base64", () => {
  for (const text of ["", "YQ==", "YQ", "YWI=", "YWI", "YWJj"]) expect(isBase64(text), text).toBe(true);
  for (const text of ["Y", "YQ=", "YWJj=", "YW-j", "Y Q=", "YWJjZ"]) expect(isBase64(text), text).toBe(false);
});

test("images are known by how they begin", () => {
  const png = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  expect(imageType(Uint8Array.from(png))).toMatchObject({ media: "image/png" });
  expect(imageType(Uint8Array.from([0x52, 0x49, 0x46, 0x46, 1, 2, 3, 4, 0x57, 0x45, 0x42, 0x50]))).toMatchObject({ extension: "webp" });
  expect(imageType(Uint8Array.from([1, 2, 3]))).toBeNull();
  const text = base64Of(Uint8Array.from([...png, ...Array<number>(60).fill(0)]));
  expect(isImageText(text)).toBe(true);
  expect(isImageText("a long text that has nothing to do with any kind of image at all".repeat(2))).toBe(false);
});

test("text is told from bytes", () => {
  expect(textOf(new TextEncoder().encode("Grüße\n"))).toBe("Grüße\n");
  expect(textOf(Uint8Array.from([0xff, 0xfe]))).toBeNull();
  expect(textOf(Uint8Array.from([0]))).toBeNull();
});

test("a hex dump shows offset, bytes and text", () => {
  const rows = hexRows(new TextEncoder().encode("Hello, broker of jobs\n"), 10).split("\n");
  expect(rows[0]).toBe("00000000  48 65 6c 6c 6f 2c 20 62  72 6f 6b 65 72 20 6f 66  Hello, broker of");
  expect(rows[1]).toMatch(/^00000010 {2}20 6a 6f 62 73 0a +  jobs·$/);
});
