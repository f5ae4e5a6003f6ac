import { extensionTexts } from './extensions.ts';
import { headerTexts } from './header.ts';
import { structureTexts } from './structures.ts';

/**
 * Findings of opening, in the order in which QEMU makes the checks (block/qcow2.c, qcow2_do_open): the file, the header,
 * the places of the tables, the header extensions, data file, encryption, backing file, snapshot table, bitmap
 * directory. What QEMU accepts in silence stands beside the field it belongs to.
 *
 * `{error}` is the system's text for a failed read ("Input/output error"), offsets are bytes.
 */
export const openingTexts = { ...headerTexts, ...extensionTexts, ...structureTexts } as const;
