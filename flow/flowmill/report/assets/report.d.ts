/** One run as a page, from its events. Untrusted text only ever becomes text. */
export interface ReportOptions {
  /** Shown in the table at the end: run, project, model … */
  facts?: Record<string, string>;
  /** Dollars per million tokens. */
  prices?: { prompt: number; cached: number; completion: number } | null;
  /** `FILE::QUALNAME` as the user would type it; else the run's own path. */
  target?: string;
  /** The run still goes on: "Working" instead of "Stopped". */
  live?: boolean;
  /** Settings are named as an editor has them, `maxSeconds` for `--max-seconds`. */
  editor?: boolean;
}

export interface Report {
  /** Take in more events, or the whole list again: those that are known are passed over. */
  update(events: readonly object[]): void;
  /** Whether the run's end has been told. */
  readonly finished: boolean;
  /** Leave the element empty. */
  destroy(): void;
}

export function mount(element: HTMLElement, events: readonly object[], options?: ReportOptions): Report;
