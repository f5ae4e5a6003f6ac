import type { Page } from 'playwright-core';
import { until } from './within.ts';

/** The quick input of a window: what a person types and chooses there. */
export interface QuickInput {
  /** Types into the input once it has the title, and accepts. */
  enter(title: string, text?: string): Promise<void>;
  /** Chooses a row of the list. */
  choose(row: string): Promise<void>;
  /** Types a path into the dialog that proposes a file of this name, and accepts. */
  place(proposed: string, path: string): Promise<void>;
  /** Runs a command by its title in the palette. */
  palette(title: string): Promise<void>;
}

/** The quick input of a window. */
export function quickInput(page: Page): QuickInput {
  const input = page.locator('.quick-input-widget input:is([type=text], [type=password])');
  const heading = page.locator('.quick-input-title');
  const rows = page.locator('.quick-input-list .monaco-list-row');
  return {
    enter: async (title, text) => {
      await heading.filter({ hasText: title }).waitFor();
      if (text !== undefined) {
        await input.fill(text);
      }
      await page.keyboard.press('Enter');
    },
    choose: (row) => rows.filter({ hasText: row }).first().click(),
    place: async (proposed, path) => {
      await until(
        async () => ((await input.inputValue()).endsWith(proposed) ? true : undefined),
        'a place is proposed',
      );
      const asked = await heading.innerText();
      const done = async () => !(await heading.isVisible()) || (await heading.innerText()) !== asked;
      // While the dialog still reads a folder, it puts back what it had, and does not hear Enter.
      await until(async () => {
        await input.fill(path, { timeout: 1000 }).catch(() => undefined); // it may have closed by now
        await page.waitForTimeout(1000);
        if (!(await done()) && (await input.inputValue()) === path) {
          await input.press('Enter');
          await page.waitForTimeout(1000);
        }
        return (await done()) || undefined;
      }, 'the dialog takes the place');
    },
    palette: async (title) => {
      await page.keyboard.press('F1');
      await input.fill(`>${title}`);
      await rows.filter({ hasText: title }).first().click();
    },
  };
}
