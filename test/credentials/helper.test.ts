import { expect, test } from 'vitest'
import { createHelperRunner } from '../../src/credentials/helper.ts'
import { makeHome } from './setup.ts'

test.each([
  [
    'a user and a secret',
    `echo '{"ServerURL":"x","Username":"me","Secret":"pass"}'`,
    { kind: 'basic', username: 'me', password: 'pass' },
  ],
  [
    'keys in lower case',
    `echo '{"username":"me","secret":"pass"}'`,
    { kind: 'basic', username: 'me', password: 'pass' },
  ],
  ['an identity token', `echo '{"Username":"<token>","Secret":"refresh"}'`, { kind: 'identity', token: 'refresh' }],
  ['an empty secret', `echo '{"Username":"me","Secret":""}'`, undefined],
  ['that there is none', `echo 'credentials not found in native keychain'; exit 1`, undefined],
])('understands %s', async (_, script, expected) => {
  const home = makeHome()
  home.helper('fake', script)
  expect(await createHelperRunner({ env: home.env })('fake', 'reg.example.com')).toEqual(expected)
  expect(home.asked()).toEqual(['fake get reg.example.com'])
})

test.each([
  ['rubbish', `echo 's3cret rubbish'`, 'docker-credential-fake gave no valid JSON'],
  ['nothing', 'exit 0', 'docker-credential-fake gave no valid JSON'],
  ['something else', `echo '{"Password":"s3cret"}'`, 'docker-credential-fake gave no user name and secret'],
  ['an error', `echo 's3cret'; exit 1`, 'docker-credential-fake failed with exit status 1'],
  ['far too much', `yes s3cret`, 'docker-credential-fake gave an answer that is too long'],
])('refuses %s without quoting it', async (_, script, message) => {
  const home = makeHome()
  home.helper('fake', script)
  const error = await createHelperRunner({ env: home.env })('fake', 'reg.example.com').catch(
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ code: 'credential', message })
  expect(error).not.toHaveProperty('cause')
})

test('gives up a helper that hangs, also where it has a child that does', async () => {
  const home = makeHome()
  home.helper('fake', 'sleep 30; echo late')
  const start = performance.now()
  const ask = createHelperRunner({ env: home.env, timeout: 300 })('fake', 'reg.example.com')
  await expect(ask).rejects.toThrow('docker-credential-fake gave no answer within 0.3 s')
  expect(performance.now() - start).toBeLessThan(10_000)
})

test('passes the environment on, and the server as it is', async () => {
  const home = makeHome()
  home.env.AWS_PROFILE = 'prod'
  home.helper('fake', `printf '{"Username":"%s","Secret":"%s"}' "$AWS_PROFILE" "$SERVER"`)
  const server = '$(touch x); reg'
  expect(await createHelperRunner({ env: home.env })('fake', server)).toMatchObject({
    username: 'prod',
    password: server,
  })
})

test('takes a helper that does not read its input', async () => {
  const home = makeHome()
  home.helper('fake', '')
  home.write('bin/docker-credential-fake', `#!/bin/sh\necho '{"Username":"me","Secret":"pass"}'\n`)
  expect(await createHelperRunner({ env: home.env })('fake', 'x'.repeat(1_000_000))).toMatchObject({ username: 'me' })
})
