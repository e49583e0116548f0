// Icons as stroked paths in a 16 × 16 box.

export const icons = {
  overview: "M2 13h12M4 10.5V8M8 10.5V3.5M12 10.5V6",
  jobs: "M5.5 4H14M5.5 8H14M5.5 12H14M2.4 4h.01M2.4 8h.01M2.4 12h.01",
  queues: "M1.8 5.5h3v5h-3zM6.3 5.5h3v5h-3zM11 8h3.4M12.6 6l2 2-2 2",
  schedules: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM8 4.6V8l2.3 1.7",
  run: "M5 3.2v9.6L12.6 8z",
  plugins: "M8 1.8l5.4 3.1v6.2L8 14.2l-5.4-3.1V4.9zM2.8 5L8 8l5.2-3M8 8v6",
  workers: "M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14",
  connections: "M6.5 9.5l3-3M7 4.5l1.2-1.2a3.2 3.2 0 0 1 4.5 4.5L11.5 9M9 11.5l-1.2 1.2a3.2 3.2 0 0 1-4.5-4.5L4.5 7",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14 14",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  moon: "M13 9.7A5.5 5.5 0 0 1 6.3 3a5.5 5.5 0 1 0 6.7 6.7z",
  system: "M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3",
  help: "M6.2 6.2a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.9.7-.9 1.4M8 11.4h.01M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4z",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.2 3.2L13 4.8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  left: "M10 3.5L5.5 8l4.5 4.5",
  right: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  up: "M3.5 10L8 5.5l4.5 4.5",
  retry: "M13 3v3.5H9.5M12.8 6.5A5.2 5.2 0 1 0 13 9.5",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  plus: "M8 3v10M3 8h10",
  filter: "M2.5 4h11M4.5 8h7M6.5 12h3",
  warn: "M8 2.2l6.3 11H1.7zM8 6.5v3M8 11.5h.01",
  out: "M9.5 2.5h4v4M13.5 2.5L8 8M12 9.5v4H2.5V4H6.5",
  upload: "M8 10.5V2.5M4.8 5.5L8 2.5l3.2 3M2.5 10.5v3h11v-3",
} as const;

export type IconName = keyof typeof icons;
