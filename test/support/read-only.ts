/** A directory that nothing can be written to, also by root: mounted read-only for one process. */

import { spawnSync } from 'node:child_process'

const SCRIPT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'

function unshare(): readonly [string, ...string[]] {
  return process.getuid?.() === 0 ? ['unshare', '--mount'] : ['unshare', '--map-root-user', '--mount']
}

/** The command as one that sees the directory read-only. */
export function readOnly(directory: string, command: readonly string[]): readonly [string, ...string[]] {
  return [...unshare(), 'sh', '-c', SCRIPT, directory, ...command]
}

/** False on systems, and in containers, that let no one mount. */
export function canMountReadOnly(): boolean {
  const [program, ...rest] = readOnly('/tmp', ['true'])
  return spawnSync(program, rest).status === 0
}
