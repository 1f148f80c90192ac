/** The keys under which Docker and Podman file what is for a registry, and those that are for something else. */

import { expect, test } from 'vitest'
import { dockerHost } from '../../src/credentials/docker-host.ts'

test.each([
  ['reg.example.com', true, false],
  ['https://reg.example.com', true, false],
  ['https://REG.example.com/v1/', true, false],
  ['reg.example.com/v2/', true, false],
  ['reg.example.com/team', false, true],
  ['REG.example.com:443/team/app', false, true],
  ['https://reg.example.com/team', true, false],
  ['other.example.com', false, false],
  ['other.example.com/team', false, false],
  ['/team', false, false],
  ['reg.example.com/access-token', false, false],
  ['https://reg.example.com/refresh-token', false, false],
])('%s: names the registry %s, a part of it %s', (key, whole, part) => {
  const host = dockerHost('https://reg.example.com')
  expect([host.matches(key), host.isPart(key)]).toEqual([whole, part])
})

test('a part of Docker Hub is one under all its names', () => {
  const hub = dockerHost('https://registry-1.docker.io')
  expect(['docker.io/team', 'index.docker.io/team', 'quay.io/team'].map(hub.isPart)).toEqual([true, true, false])
})
