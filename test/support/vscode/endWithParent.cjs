// Loaded into the VS Code server before all else: its standard input is a pipe that closes when the process that
// started the server has ended, even by SIGKILL. Then the server, its extension hosts and their children end too.
process.stdin.on('error', () => {}).on('close', () => process.kill(-process.pid, 'SIGKILL'));
process.stdin.resume().unref();
