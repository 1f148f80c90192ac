/** Webhooks at the daemon as a process of its own: nothing that was shown to it is shown again. */

import { expect, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { pushOf, SECRET } from './hooked.ts'

test.each([[['-vv']], [['--json']]])('a secret and a guess stay out of log, output and state (%s)', async (flags) => {
  const user = program({ HOOK_SECRET: SECRET })
  user.write(
    'serve.yaml',
    `
registries:
  from: { type: docker-registry, url: "http://127.0.0.1:9", hook_secret: "\${HOOK_SECRET}" }
policies: {}
serve: { listen: "127.0.0.1:0" }
`,
  )
  const daemon = user.start(['serve', 'serve.yaml', ...flags])
  const url = (): string | undefined => /listening(?: on |.*"url":")(http[^\s"]+)/.exec(daemon.said())?.[1]
  await until('the daemon listens', () => url() !== undefined)
  const post = async (query: string, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await fetch(`${url()}/hooks/from${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(pushOf()),
    })
    return [answer.status, await answer.text()] as const
  }
  const guess = 'guessed-by-a-stranger'
  const answers = [
    await post(`?token=${encodeURIComponent(SECRET)}`),
    await post('', { authorization: `Bearer ${SECRET}` }),
    await post(`?token=${guess}`),
    await post('', { authorization: `Bearer ${guess}` }),
  ]
  expect(answers.map(([status]) => status)).toEqual([202, 202, 401, 401])
  await until('the refusal is told', () => daemon.said().includes('(401)'))
  daemon.process.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
  const seen = [daemon.said(), ...answers.map(([, text]) => text), ...[...user.state().values()].map(String)].join('\n')
  for (const text of [SECRET, encodeURIComponent(SECRET), guess]) expect(seen).not.toContain(text)
})
