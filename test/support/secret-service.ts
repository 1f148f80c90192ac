/** A real Secret Service for tests: GNOME's keyring on a session bus of its own, with a directory of its own. */

import { spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

const PROGRAMS = ['dbus-run-session', 'dbus-send', 'gnome-keyring-daemon'] as const

/** What is not installed of what it needs. */
export function missingPrograms(): readonly string[] {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return PROGRAMS.filter((name) => !folders.some((folder) => isExecutable(join(folder, name))))
}

export interface SecretService {
  /** What a process needs in its environment to find it. */
  readonly env: { readonly DBUS_SESSION_BUS_ADDRESS: string }
  stop(): Promise<void>
}

/** `empty`: a session bus without any Secret Service on it. */
export async function startSecretService(kind: 'unlocked' | 'empty' = 'unlocked'): Promise<SecretService> {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-secrets-'))
  const unlock = 'printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1;'
  // It lasts until its standard input is closed, so that it never outlives the tests.
  const script = `${kind === 'unlocked' ? unlock : ''} echo "bus $DBUS_SESSION_BUS_ADDRESS"; cat`
  const config = join(directory, 'bus.conf')
  writeFileSync(config, BARE_BUS)
  const options = kind === 'empty' ? [`--config-file=${config}`] : []
  const child = spawn('dbus-run-session', [...options, '--', 'sh', '-c', script], {
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      XDG_DATA_HOME: join(directory, 'data'),
      XDG_RUNTIME_DIR: directory,
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^bus (.+)$/.exec(line)?.[1]
    if (address === undefined) continue
    return {
      env: { DBUS_SESSION_BUS_ADDRESS: address },
      async stop() {
        child.stdin.end()
        await gone
        rmSync(directory, { recursive: true, force: true })
      },
    }
  }
  throw new Error('the session bus did not start')
}

/** It starts nothing by itself. */
const BARE_BUS = `<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context="default">
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
