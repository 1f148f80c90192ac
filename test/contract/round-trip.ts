/** A policy between the registry under test, which is `it` there, and a plain one, `mine`. A password is in the variable SECRET. */

import type { AdapterUnderTest } from './adapter/specimen.ts'

export function policyWith({ registry }: AdapterUnderTest, mine: string, from: string, to: string, extra = ''): string {
  const { credential, ...facts } = registry
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a file says
  const hidden = credential?.password === undefined ? credential : { ...credential, password: '${SECRET}' }
  // JSON is YAML, too.
  const registries = {
    it: { ...facts, name: undefined, credential: hidden },
    mine: { type: 'docker-registry', url: mine },
  }
  return `registries: ${JSON.stringify(registries)}
policies:
  copy:
    source: ${from}
    destination: ${to}
${extra}`
}
