import {
  type AddressNotation,
  type CheckOnOpen,
  defaultSettings,
  type MapShows,
  type RefreshOnChange,
  type Settings,
} from '../protocol/settings.ts';

/** The section of our settings in package.json. */
export const section = 'qcow2.inspector';

/** The part of `vscode.WorkspaceConfiguration` that is used. */
export interface Configuration {
  get(name: string): unknown;
}

const refreshes: readonly RefreshOnChange[] = ['on', 'ask', 'off'];
const notations: readonly AddressNotation[] = ['hexadecimal', 'decimal'];
const checks: readonly CheckOnOpen[] = ['quick', 'full', 'off'];
const maps: readonly MapShows[] = ['both', 'guest', 'host'];

/** The user's settings; what is not one of the words that are known counts as not set. */
export function readSettings(configuration: Configuration): Settings {
  const openPane = configuration.get('openPane');
  const scanOnOpen = configuration.get('scanOnOpen');
  const refresh = configuration.get('refreshOnChange');
  const addresses = configuration.get('addresses');
  const mapShows = configuration.get('mapShows');
  const checkOnOpen = configuration.get('checkOnOpen');
  return {
    checkOnOpen: checks.find((word) => word === checkOnOpen) ?? defaultSettings.checkOnOpen,
    mapShows: maps.find((word) => word === mapShows) ?? defaultSettings.mapShows,
    openPane: typeof openPane === 'string' ? openPane : defaultSettings.openPane,
    scanOnOpen: typeof scanOnOpen === 'boolean' ? scanOnOpen : defaultSettings.scanOnOpen,
    refreshOnChange: refreshes.find((word) => word === refresh) ?? defaultSettings.refreshOnChange,
    addresses: notations.find((word) => word === addresses) ?? defaultSettings.addresses,
  };
}

/** Bytes up to which a file of a virtual file system is read. */
export function virtualFileLimit(configuration: Configuration): number {
  const mib = configuration.get('virtualFileLimit');
  return (typeof mib === 'number' && mib >= 1 ? mib : 256) * 2 ** 20;
}

/** Whether findings are listed in the panel Problems. */
export function listsProblems(configuration: Configuration): boolean {
  return configuration.get('problems') !== false;
}

/** Whether the rollback journal of a finished change is kept, so that it can be undone. */
export function keepsUndo(configuration: Configuration): boolean {
  return configuration.get('keepUndo') !== false;
}
