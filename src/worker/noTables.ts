import { Qcow2Error } from '../engine/error.ts';

/** An image whose header does not say where the tables are has no methods on tables. */
export function noTables(): never {
  throw new Qcow2Error('damaged', 'The header does not say where the tables are, so there is no map of the disk.');
}
