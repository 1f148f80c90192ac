/** The keys under which Docker and Podman file what is for a registry, and those that are for something else. */

import { expect, test } from 'vitest'
import { dockerHost } from '../../src/credentials/docker-host.ts'

test.each([
  ['reg.example.com', true, undefined],
  ['https://reg.example.com', true, undefined],
  ['https://REG.example.com/v1/', true, undefined],
  ['reg.example.com/v2/', true, undefined],
  ['reg.example.com/team', false, 'team'],
  ['REG.example.com:443/team/app/', false, 'team/app'],
  ['https://reg.example.com/team', true, undefined],
  ['other.example.com', false, undefined],
  ['other.example.com/team', false, undefined],
  ['/team', false, undefined],
  ['reg.example.com/access-token', false, undefined],
  ['https://reg.example.com/refresh-token', false, undefined],
])('%s: names the registry %s, a part of it %s', (key, whole, part) => {
  const host = dockerHost('https://reg.example.com')
  expect([host.matches(key), host.partOf(key)]).toEqual([whole, part])
})

test('a part of Docker Hub is one under all its names', () => {
  const hub = dockerHost('https://registry-1.docker.io')
  expect(['docker.io/team', 'index.docker.io/team', 'quay.io/team'].map(hub.partOf)).toEqual([
    'team',
    'team',
    undefined,
  ])
})

test('where the URL has a path, repositories begin after it', () => {
  const host = dockerHost('https://reg.example.com/repository/docker')
  expect(['', '/team', '/app'].map((path) => host.partOf(`reg.example.com/repository/docker${path}`))).toEqual([
    '',
    'team',
    'app',
  ])
  expect(['reg.example.com/team', 'reg.example.com/repository'].map(host.partOf)).toEqual([undefined, undefined])
})
