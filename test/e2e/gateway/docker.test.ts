/** Pulls through the gateway by Docker: its daemon, and its command. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { availableServers } from '../../support/servers.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { pathOfTool } from '../../support/tools.ts'
import { until } from '../program.ts'
import { between, call } from './between.ts'
import { endings } from './serving.ts'

interface Docker {
  /** What the command says; it has a configuration of its own. */
  run(...args: readonly string[]): Promise<string>
  login(host: string, user: string, password: string): Promise<string>
  /** Where the command keeps its credentials. */
  readonly configuration: string
}

/** A daemon of its own without a network, which ends with the test. `file`: its `daemon.json`. */
async function startDocker(file = '{}'): Promise<Docker> {
  const directory = temporaryDirectory()
  const at = (name: string): string => join(directory, name)
  writeFileSync(at('daemon.json'), file)
  const socket = `unix://${at('docker.sock')}`
  const child = spawn(
    pathOfTool('dockerd') ?? '',
    [
      ...['--config-file', at('daemon.json'), '--data-root', at('data'), '--exec-root', at('exec')],
      ...['--pidfile', at('pid'), '--host', socket, '--storage-driver', 'vfs', '--bridge', 'none'],
      ...['--iptables=false', '--ip6tables=false'],
    ],
    { stdio: 'ignore' },
  )
  const ended = once(child, 'exit')
  endings.push(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const own = ['--config', at('command'), '--host', socket]
  const run = (...args: readonly string[]): Promise<string> => call('docker', ...own, ...args)
  await until('dockerd answers', () =>
    run('version').then(
      () => true,
      () => child.exitCode !== null,
    ),
  )
  return {
    run,
    async login(host, user, password) {
      const args = [...own, 'login', '--username', user, '--password-stdin', host]
      const called = promisify(execFile)(pathOfTool('docker') ?? '', args, { timeout: 120_000 })
      called.child.stdin?.end(password)
      return (await called).stdout
    },
    configuration: at('command'),
  }
}

const real = availableServers().includes('docker-registry') && availableServers().includes('zot')
const able = process.getuid?.() === 0 && ['crane', 'docker', 'dockerd'].every((tool) => pathOfTool(tool) !== undefined)

describe.skipIf(!real || !able)('a pull through the gateway by Docker', () => {
  test('by name and by digest has the source’s digest, and leaves the image at the destination', async () => {
    const { destination, digest, daemon, host } = await between()
    const docker = await startDocker()
    for (const reference of [`${host}/team/app:1.0`, `${host}/team/app:1.0`, `${host}/team/app@${digest}`]) {
      expect(await docker.run('pull', reference)).toContain(`Digest: ${digest}`)
      await until('the execution has succeeded', () => daemon.said().includes('succeeded'))
      expect(await docker.run('image', 'inspect', '--format={{.RepoDigests}}', reference)).toContain(digest)
      await docker.run('image', 'rm', reference)
    }
    expect(await call('crane', 'digest', '--insecure', `${destination.host}/mirror/app:1.0`)).toBe(digest)
  })

  test('that has signed in, with the credential that it keeps', async () => {
    const password = 'right: and long'
    const { digest, host } = await between(`  pull_users: [{name: ci, password: "\${CI_PASSWORD}"}]\n`, {
      CI_PASSWORD: password,
    })
    const docker = await startDocker()
    const reference = `${host}/team/app:1.0`
    await expect(docker.run('pull', reference)).rejects.toThrow(/unauthorized: sign in as a user of/)
    await expect(docker.login(host, 'ci', 'wrong')).rejects.toThrow(/no such user, or another password/)
    expect(await docker.login(host, 'ci', password)).toContain('Login Succeeded')
    // Without a refresh token the command keeps the password, and asks for a token with it each time.
    const kept: unknown = JSON.parse(readFileSync(join(docker.configuration, 'config.json'), 'utf8'))
    expect(kept).toEqual({ auths: { [host]: { auth: Buffer.from(`ci:${password}`).toString('base64') } } })
    expect(await docker.run('pull', reference)).toContain(`Digest: ${digest}`)
  })

  test('that `mirrors export` has told of it as a mirror of Docker Hub', async () => {
    const { destination, digest, here, host } = await between()
    here.write(
      'hub.yaml',
      `
registries:
  hub: {type: docker-hub}
  mine: {type: docker-registry, url: ${destination.url}}
policies:
  pulls:
    source: {registry: hub, namespaces: [team]}
    destination: {registry: mine, namespace: mirror}
    triggers: [{pull: true}]
`,
    )
    const gateway = ['--gateway', `http://${host}`]
    const { stdout } = await here.run(['mirrors', 'export', '--format', 'docker', 'hub.yaml', ...gateway])
    const docker = await startDocker(stdout)
    expect(await docker.run('pull', 'team/app:1.0')).toContain(`Digest: ${digest}`)
    expect(await docker.run('image', 'inspect', '--format={{.RepoDigests}}', 'team/app:1.0')).toBe(
      `[team/app@${digest}]`,
    )
  })

  test('of what the policy does not select prints why', async () => {
    const { host } = await between()
    const docker = await startDocker()
    await expect(docker.run('pull', `${host}/other/app:1.0`)).rejects.toThrow(/namespaces: team/)
  })
})
