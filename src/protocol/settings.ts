/** When a changed file is read again: by itself, after a question, or only by the user's command. */
export type RefreshOnChange = 'on' | 'ask' | 'off';

/** How host offsets and guest offsets are written. */
export type AddressNotation = 'hexadecimal' | 'decimal';

/** Which maps the pane of the maps shows. */
export type MapShows = 'both' | 'guest' | 'host';

/** How much of an image is checked as soon as it is opened. */
export type CheckOnOpen = 'quick' | 'full' | 'off';

/** The settings of the user that the page and the worker need. */
export interface Settings {
  /** The pane shown when an image is opened for the first time. */
  readonly openPane: string;
  readonly addresses: AddressNotation;
  readonly refreshOnChange: RefreshOnChange;
  /** Whether all tables are read as soon as an image is opened. */
  readonly scanOnOpen: boolean;
  /** Whether it is checked after that: in a bounded time, whole, or not at all. */
  readonly checkOnOpen: CheckOnOpen;
  /** Which maps are shown where the user has not chosen for an image. */
  readonly mapShows: MapShows;
}

/** What holds where nothing is set; the same as in package.json. */
export const defaultSettings: Settings = {
  openPane: 'overview',
  addresses: 'hexadecimal',
  refreshOnChange: 'on',
  scanOnOpen: true,
  checkOnOpen: 'quick',
  mapShows: 'both',
};

/** The settings in a message of the host; undefined when it is another message. */
export function settingsOf(message: unknown): Settings | undefined {
  const own = typeof message === 'object' && message !== null && 'type' in message && 'settings' in message;
  // Written by our own host: both ends are built together.
  return own && message.type === 'settings' ? (message.settings as Settings) : undefined;
}
