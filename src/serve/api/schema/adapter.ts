/** The types of registry, as `adapters show --json` has them. */

import { z } from 'zod'

export const resourceType = z.enum(['image', 'chart'])

export const adapter = z
  .object({
    identity: z.string().describe('The `type` of a registry'),
    name: z.string(),
    description: z.string(),
    checked_against: z
      .string()
      .nullable()
      .describe('What its tests were run against, and whether that was the live service'),
    support_resource_types: z.array(resourceType),
    support_resource_filters: z.array(z.string()),
    registry: z
      .object({
        default_name: z.string().describe('What people call such a registry'),
        place: z.enum(['url', 'path']).describe('What it is found by: an address, or a directory or file'),
        url: z.string().nullable().describe('The address of a service that has one; else null'),
        read_only: z.boolean(),
      })
      .describe('What a registry of this type needs'),
    capabilities: z.object({
      listing: z.string(),
      credentials: z.array(z.string()).describe('The types of credential that it takes'),
      digests_in_listing: z.boolean(),
      catalog: z.boolean(),
      creates: z.boolean(),
      labels: z.boolean(),
      rules: z.boolean(),
      options: z.array(
        z.object({
          name: z.string(),
          description: z.string(),
          type: z.enum(['text', 'flag', 'list', 'mapping']),
          values: z.array(z.string()).nullable(),
        }),
      ),
      webhooks: z.object({ events: z.array(z.string()), setup: z.string() }).nullable(),
    }),
    limits: z.object({
      depth_min: z.int().nullable(),
      depth_max: z.int().nullable(),
      quirks: z.array(z.string()),
    }),
  })
  .meta({ id: 'Adapter' })
export type Adapter = z.infer<typeof adapter>

export const adapterId = z.strictObject({ identity: z.string().min(1).max(100) })
