/** Builds what a policy says of the images that its charts name. */

import { resolve } from 'node:path'
import type { Policy } from '../core/policy.ts'
import { type Names, registryNamed } from './reference.ts'
import type { PolicyInput } from './schema.ts'
import type { Finding } from './source.ts'

/** `sides` are the policy's source and destinations. */
export function builtImages(
  { with_images, values, filters, destination: written }: PolicyInput,
  sides: Pick<Policy, 'source' | 'destination' | 'also'>,
  names: Names,
  findings: Finding[],
): Pick<Policy, 'with_images' | 'values'> {
  if (with_images !== true) {
    if (values !== undefined) {
      const hint = 'write `with_images: true`, or leave them out: charts keep their bytes'
      findings.push({ path: ['values'], atKey: true, message: '`values` only says how images are found', hint })
    }
    return with_images === undefined ? {} : { with_images }
  }
  if (filters.resource === 'image') {
    const message = '`with_images` is of charts, and the policy selects none'
    findings.push({ path: ['with_images'], atKey: true, message, hint: 'leave `filters.resource` out, or set `chart`' })
  }
  const destinations = [sides.destination, ...sides.also]
  for (const [index, { registry }] of destinations.entries()) {
    const type = onlyCharts(registry, names)
    if (type === undefined) continue
    const path = Array.isArray(written) ? ['destination', index] : ['destination']
    const message = `\`${registry}\` is a \`${type}\`, which holds no images`
    findings.push({ path, message, hint: 'use an OCI registry or a layout, or leave `with_images` out' })
  }
  return { with_images, ...(values ? { values: values.map((file) => resolve(names.directory, file)) } : {}) }
}

/** The type of a registry that holds nothing but charts. */
function onlyCharts(name: string, names: Names): string | undefined {
  const registry = registryNamed(name, names)
  if ('message' in registry) return undefined
  const facts = names.types.find(({ identity }) => identity === registry.type)
  return facts && !facts.resources.includes('image') ? registry.type : undefined
}
