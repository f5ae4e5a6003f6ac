const pageCommands = ['go-to', 'back', 'forward', 'check'] as const;

/** What a command of VS Code asks the page in the active tab for. */
export type PageCommand = (typeof pageCommands)[number];

/** The command that a message to the webview holds, or undefined when it holds none. */
export function pageCommand(message: unknown): PageCommand | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message) || message.type !== 'command') {
    return undefined;
  }
  return pageCommands.find((name) => 'command' in message && message.command === name);
}
