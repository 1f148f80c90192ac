/** What systemd is told, by a socket such as it gives to its services. */

import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { serving } from './serving.ts'

const LISTEN = `
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(listener.recv(4096).decode().replace('\\n', ' '), flush=True)
`

function isThere(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test.runIf(isThere('systemd-notify') && isThere('python3'))(
  'it is ready, alive, reloading and stopping when it says so',
  async () => {
    const path = join(temporaryDirectory(), 'notify')
    const listener = spawn('python3', ['-c', LISTEN, path])
    onTestFinished(() => void listener.kill('SIGKILL'))
    let heard = ''
    listener.stdout.on('data', (chunk) => {
      heard += String(chunk)
    })
    await until('the socket is there', () => heard.includes('bound'))
    const { user, yaml, start } = await serving()
    user.write('serve.yaml', yaml())
    const daemon = await start(['serve.yaml'], { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1000000' })
    await until('it is ready', () => heard.includes('READY=1'))
    await until('it is alive, twice', () => heard.split('WATCHDOG=1').length > 2)
    daemon.kill('SIGHUP')
    await until('it reloads, and is ready again', () => /RELOADING=1 MONOTONIC_USEC=\d+.*READY=1/s.test(heard))
    daemon.kill('SIGTERM')
    expect(await daemon.ended).toMatchObject({ code: 0 })
    await until('it stops', () => /STOPPING=1 EXTEND_TIMEOUT_USEC=40000000/.test(heard))
    expect(daemon.said()).not.toContain('systemd could not be told')
  },
)
