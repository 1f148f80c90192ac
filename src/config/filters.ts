/** The form of a policy's filters. */

import { z } from 'zod'
import { choice, count, duration, either, filled, flag, formed, list, mapping } from './values.ts'

const pattern = z.string()

export const filtersSchema = mapping(
  {
    resource: choice('What to copy', ['image', 'chart', 'all']).default('all'),
    name: list('Patterns of the whole repository path', pattern).exactOptional(),
    tag: list('Patterns of the tag', pattern).exactOptional(),
    label: list(
      'Labels, where the registry has them; of charts in a classic repository their keywords',
      pattern,
    ).exactOptional(),
    semver: filled('Tags that are versions in this range').exactOptional(),
    deprecated: either('Charts that are deprecated: `false` takes the others, `true` only those').exactOptional(),
    newest: count('How many tags of each repository, after the other filters', 1).exactOptional(),
    pushed_within: duration('Only what was pushed less than this ago').exactOptional(),
    min_age: duration('Nothing that was pushed less than this ago').exactOptional(),
    untagged: flag('Also artifacts without a tag, by digest', false),
    platforms: list(
      'Platforms of images',
      formed('A platform', /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/, 'a platform such as `linux/amd64`'),
    ).exactOptional(),
    platforms_index: choice('`sparse` keeps the bytes of an index, `narrow` makes a smaller one', [
      'sparse',
      'narrow',
    ]).default('sparse'),
    attestations: flag('`false`: those that BuildKit puts into an index are left out of it, which narrows it', true),
    exclude: mapping(
      {
        name: list('Patterns of the whole repository path', pattern).exactOptional(),
        tag: list('Patterns of the tag', pattern).exactOptional(),
        label: list('Labels, where the registry has them', pattern).exactOptional(),
      },
      'What to leave out of it',
    ).exactOptional(),
    regex: mapping(
      {
        name: list('Of the whole repository path', pattern).exactOptional(),
        tag: list('Of the whole tag', pattern).exactOptional(),
        exclude: mapping(
          {
            name: list('Of the whole repository path', pattern).exactOptional(),
            tag: list('Of the whole tag', pattern).exactOptional(),
          },
          'What to leave out of it',
        ).exactOptional(),
      },
      'Regular expressions in the syntax of RE2, where patterns do not suffice',
    ).exactOptional(),
  },
  'What of it; without a filter all',
)
