/** `registries add` by questions where the registry's certificate is not trusted. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { shownCertificate } from '../../src/http/trust/handshake.ts'
import { answer, DOWN, ENTER, shown } from '../e2e/keyboard.ts'
import { type Program, program, type Running } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'
import { authority } from '../support/authority.ts'
import { registry } from '../support/registries.ts'

// Dozens of questions one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

function place(): Program & { text(): string; files(): readonly string[] } {
  const here = program({ REPLICATE_CONFIG: 'conf/config.yaml', TERM: 'xterm' })
  const folder = join(here.directory, 'conf')
  return {
    ...here,
    text: () => readFileSync(join(folder, 'config.yaml'), 'utf8'),
    files: () =>
      readdirSync(here.directory, { recursive: true })
        .map(String)
        .filter((name) => name.startsWith('conf/')),
  }
}

const add = (here: Program, url: string): Running =>
  here.start(['registries', 'add', 'hub', '--url', url], { wrap: inTerminal, keyboard: true })

describe.runIf(hasTerminal)('a certificate of an unknown authority', () => {
  const root = authority('Our Root')
  const leaf = root.issue('IP:127.0.0.1')

  test('is trusted by the authority that the server shows, once its fingerprint was confirmed', async () => {
    const hub = await registry({ tls: { key: leaf.key, cert: leaf.cert + root.ca } })
    const here = place()
    const running = add(here, hub.url)
    await answer(running, [
      ['✗ TLS', ''],
      ['❯ Certificate', ENTER],
      ['❯ Verify it with a CA file', DOWN],
      ['❯ Trust the authority that it shows: O=Example, CN=Our Root', ENTER],
      ['subject  O=Example, CN=Our Root', ''],
      ['issuer   O=Example, CN=Our Root', ''],
      ['valid    20', ''],
      [`SHA-256  ${shownCertificate(root.ca).sha256.slice(0, 47)}\n`, ''],
      [` ${shownCertificate(root.ca).sha256.slice(48)}\n`, ''],
      ['Save it, and trust it? (y/N)', `y${ENTER}`],
      ['✓ TLS', ''],
      ['❯ Save it', ENTER],
    ])
    expect((await running.ended).code, shown(running)).toBe(0)
    expect(here.text()).toBe(
      `registries:\n  hub:\n    type: docker-registry\n    url: ${hub.url}\n    ca: ./hub-ca.pem\n`,
    )
    const kept = join(here.directory, 'conf', 'hub-ca.pem')
    expect(readFileSync(kept, 'utf8').trim()).toBe(root.ca.trim())
    expect(statSync(kept).mode & 0o777).toBe(0o644 & ~process.umask())
    expect(await here.run(['registries', 'ping', 'hub'])).toMatchObject({ code: 0 })
  })

  test('is not trusted, and nothing is kept, where Enter is all that is said or the user leaves', async () => {
    const hub = await registry({ tls: { key: leaf.key, cert: leaf.cert + root.ca } })
    const here = place()
    const running = add(here, hub.url)
    await answer(running, [
      ['❯ Certificate', ENTER],
      ['❯ Verify it with a CA file', DOWN],
      ['❯ Trust', ENTER],
      ['trust it? (y/N)', ENTER],
      ['❯ Verify it with a CA file', DOWN],
      ['❯ Trust', ENTER],
      ['trust it? (y/N)', `y${ENTER}`],
      ['❯ Save it', `${DOWN}`.repeat(8)],
      ['❯ Leave; nothing is written', ENTER],
    ])
    expect((await running.ended).code, shown(running)).toBe(0)
    expect(here.files()).toEqual([])
  })

  test('is trusted by a file, which must hold a certificate; or is not verified', async () => {
    const hub = await registry({ tls: leaf })
    const here = place()
    here.write('key.pem', leaf.key)
    const running = add(here, hub.url)
    await answer(running, [
      ['❯ Certificate', ENTER],
      ["authority's own: ask its administrator for the file", ''],
      ['❯ Verify it with the authorities of this machine', DOWN],
      ['❯ Verify it with a CA file', ENTER],
      ['CA file (PEM):', `nowhere.pem${ENTER}`],
      ['cannot be read', `\u0015key.pem${ENTER}`],
      ['key.pem holds no certificate', `\u0015${root.file}${ENTER}`],
      ['✓ TLS', ''],
      ['❯ Save it', ENTER],
    ])
    expect((await running.ended).code, shown(running)).toBe(0)
    expect(here.text()).toContain(`    ca: ${root.file}\n`)
    const changing = here.start(['registries', 'update', 'hub'], { wrap: inTerminal, keyboard: true })
    await answer(changing, [
      ['❯ Save it', DOWN.repeat(5)],
      ['❯ Certificate', ENTER],
      ['❯ Verify it with a CA file', DOWN],
      ['❯ Do not verify it', ENTER],
      ['and not checked', ''],
      ['❯ Save it', ENTER],
    ])
    expect((await changing.ended).code, shown(changing)).toBe(0)
    expect(here.text()).toContain('    insecure: true\n')
    expect(here.text()).not.toContain('ca:')
  })
})
