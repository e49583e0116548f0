// How places of a form are called in the page.

/** The id of the input at a JSON pointer. */
export function fieldId(pointer: string): string {
  return `arg:${pointer}`;
}

/** Puts the focus into the input at a JSON pointer, or into the nearest group around it. */
export function focusField(pointer: string): void {
  for (let place = pointer; place !== ""; place = place.slice(0, place.lastIndexOf("/"))) {
    const found = document.getElementById(fieldId(place));
    if (!found) continue;
    found.focus();
    found.scrollIntoView({ block: "nearest" });
    return;
  }
}
