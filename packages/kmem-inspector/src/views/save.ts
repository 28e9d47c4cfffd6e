/** Has the browser save a file. */
export function saveFile(name: string, contents: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(contents);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Has the browser save what a canvas shows. */
export function savePicture(name: string, canvas: HTMLCanvasElement): void {
  canvas.toBlob((picture) => {
    if (picture !== null) saveFile(name, picture);
  }, "image/png");
}

/** Rows as CSV: what has a comma, a quote or a line feed in it is quoted. */
export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string =>
    /[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}
