/** What the tests of credentials share: a home directory, files in it, and fake credential helpers. */

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { createHelperRunner } from '../../src/credentials/helper.ts'
import type { Keychain } from '../../src/credentials/keychain.ts'
import { resolveCredential } from '../../src/credentials/resolve.ts'

export interface Home {
  readonly path: string
  readonly env: Record<string, string>
  readonly warnings: string[]
  readonly secrets: string[]
  /** What its clock shows. */
  readonly now: number
  /** Writes a file below the home directory, objects as JSON; returns its path. */
  write(name: string, content: unknown): string
  /** Installs `docker-credential-NAME`, a shell script that notes what it is asked. */
  helper(name: string, script: string): void
  /** What the helpers were asked, `NAME ACTION SERVER` each. */
  asked(): readonly string[]
  resolve(registry?: Partial<Registry>, keychain?: Keychain): Promise<Credential>
}

const NOW = Date.parse('2026-05-01T12:00:00Z')

export function makeHome(): Home {
  const path = mkdtempSync(join(tmpdir(), 'replicate-home-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  const bin = join(path, 'bin')
  const journal = join(path, 'asked')
  // The directory for run time, so that the machine's own files are never read.
  const env: Record<string, string> = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: path,
    JOURNAL: journal,
    XDG_RUNTIME_DIR: join(path, 'run'),
  }
  const warnings: string[] = []
  const secrets: string[] = []

  function write(name: string, content: unknown): string {
    const file = join(path, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(
      file,
      typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
    )
    return file
  }

  return {
    path,
    env,
    warnings,
    secrets,
    now: NOW,
    write,
    helper(name, script) {
      const note = `SERVER=$(cat)\necho "${name} $* $SERVER" >> "$JOURNAL"\n`
      chmodSync(write(`bin/docker-credential-${name}`, `#!/bin/sh\n${note}${script}\n`), 0o755)
    },
    asked: () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []),
    resolve: (registry = {}, keychain = undefined) =>
      resolveCredential(
        { name: 'harbor', type: 'docker-registry', url: 'https://reg.example.com', ...registry },
        {
          env,
          home: path,
          warn: (text) => warnings.push(text),
          secrets: (secret) => secrets.push(secret),
          now: () => NOW,
          askHelper: createHelperRunner({ env, timeout: 2000 }),
          ...(keychain ? { keychain } : {}),
        },
      ),
  }
}

/** The value of `auth`. */
export function auth(text: string): string {
  return Buffer.from(text).toString('base64')
}
