/** Variables in a configuration, and secrets, which never stand in it and are never shown. */

import { describe, expect, test } from 'vitest'
import { proxyAddress } from '../../src/http/proxy/address.ts'
import { complaints, load, problemsIn, registry } from './setup.ts'

const BASE = ['type: docker-registry', 'url: https://x.example.com']

describe('a variable', () => {
  const described = (text: string, env: Record<string, string> = {}): string | undefined =>
    load(registry(...BASE, `description: "${text}"`), { env }).registries.get('r')?.description

  test('is replaced, has a default, and can be written literally', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the file's own placeholders
    const text = 'a ${A} ${B:-b} ${C:-} $${D} $E'
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the file's own placeholders
    expect(described(text, { A: '1' })).toBe('a 1 b  ${D} $E')
    expect(described(text, { A: '1', B: '', C: '3' })).toContain('a 1 b 3')
  })

  test('cannot smuggle in structure or another variable', () => {
    expect(described(`\${A}`, { A: `\${B}, insecure: true\nx: y` })).toBe(`\${B}, insecure: true\nx: y`)
  })

  test('that is not set is named with its place, and nothing else is said of its value', () => {
    expect(complaints(registry(...BASE, `insecure: \${NO}`))).toEqual([
      'policy.yaml:5:15 the environment variable `NO` is not set',
    ])
    expect(complaints(registry(...BASE, `description: \${N O}`))[0]).toContain('is not a variable')
  })

  test('may hold numbers and flags', () => {
    const text = registry(...BASE, `insecure: \${A}`, `limits: {connections: "\${B}"}`)
    expect(load(text, { env: { A: 'true', B: '7' } }).registries.get('r')).toMatchObject({
      insecure: true,
      limits: { connections: 7 },
    })
  })

  test('is not replaced in keys and comments', () => {
    expect(complaints(`# \${A}\n"\${B}": {}`)).toEqual([expect.stringContaining('2:1 unknown key')])
  })
})

describe('a secret', () => {
  const credential = (password: string): string =>
    registry(...BASE, 'credential:', '  type: basic', '  username: a', `  password: ${password}`)

  test('comes from the environment and is handed out for redaction', () => {
    const configuration = load(credential(`\${P}`), { env: { P: 'hunter2' } })
    expect(configuration.secrets).toEqual(['hunter2'])
    expect(configuration.registries.get('r')?.credential?.password).toBe('hunter2')
  })

  test('or from a file', () => {
    const text = registry(...BASE, 'credential: {type: token, password_file: ./secret}')
    expect(load(text).registries.get('r')?.credential).toEqual({ type: 'token', password_file: '/project/secret' })
  })

  test.each(['hunter2', '"hunter2"', `\${P:-hunter2}`, `$\${hunter2}`])(
    'that is written out as %s is refused, with both ways to do it right, and not repeated',
    (password) => {
      const problems = problemsIn(credential(password))
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatchObject({
        message: '`password` is written out in the file',
        position: { line: 8, column: 17 },
      })
      expect(problems[0]?.hint).toContain(`password: \${VARIABLE}`)
      expect(problems[0]?.hint).toContain('password_file: PATH')
      if (!password.startsWith('$')) expect(JSON.stringify(problems)).not.toContain('hunter2')
    },
  )

  test('that is written out behind an anchor is refused too', () => {
    const text = registry(...BASE, 'description: &x hunter2', 'credential: {type: token, token: *x}')
    expect(complaints(text)[0]).toContain('`token` is written out')
  })

  test('that is written out in the URL of a proxy is refused, and not repeated; one from the environment is taken', () => {
    const proxied = (password: string) => registry(...BASE, `proxy: "http://bob:${password}@proxy.example.com:3128"`)
    const problems = problemsIn(proxied('hun@ter2'))
    expect(problems.map(({ message }) => message)).toEqual(['the password in `proxy` is written out in the file'])
    expect(JSON.stringify(problems)).not.toContain('ter2')
    expect(complaints(proxied(`\${P}`), { env: { P: 'hunter2' } })).toEqual([])
  })

  test('in the URL of a proxy may have any characters', () => {
    const yaml = registry(...BASE, `proxy: "http://bob:\${P}@proxy.example.com:3128"`)
    for (const password of ['hun/ter@2', 'a#b?c d', '100%', 'a%2Fb']) {
      expect(complaints(yaml, { env: { P: password } })).toEqual([])
    }
    const { proxy = '' } = load(yaml, { env: { P: 'hun/ter@2#%' } }).registries.get('r') ?? {}
    expect(proxyAddress(proxy).credential).toEqual({ username: 'bob', password: 'hun/ter@2#%' })
    for (const wrong of ['socks5://proxy.example.com', 'http://proxy.example.com/a', 'http://a b']) {
      expect(complaints(registry(...BASE, `proxy: "${wrong}"`))[0]).toMatch(/an address such as/)
    }
  })

  test('that is written out in the address of a proxy without a scheme is refused, and not repeated', () => {
    const proxied = (password: string) => registry(...BASE, `proxy: bob:${password}@proxy.example.com:3128`)
    const problems = problemsIn(proxied('hunter2'))
    expect(problems.map(({ message }) => message)).toEqual(['the password in `proxy` is written out in the file'])
    expect(JSON.stringify(problems)).not.toContain('hunter2')
    expect(complaints(proxied(`\${P}`), { env: { P: 'hunter2' } })).toEqual([])
  })

  test('in a URL is neither taken nor shown', () => {
    const problems = problemsIn(registry('type: docker-registry', 'url: https://me:hunter2@x.example.com'))
    expect(problems).toHaveLength(1)
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  test('in a file that is not YAML is not shown', () => {
    const problems = problemsIn(`${credential('hunter2: {')}\n`)
    expect(problems.length).toBeGreaterThan(0)
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  test('that came into another key is not shown in what is wrong with it', () => {
    const problems = problemsIn(registry(...BASE, `insecure: \${P}`), { env: { P: 'hunter2' } })
    expect(problems[0]?.message).toBe(`\`insecure\`: \`\${P}\` is not \`true\` or \`false\``)
  })
})
