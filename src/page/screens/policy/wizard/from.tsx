/** Where a policy takes what from: what most set is open, the rest folded away. */

import { type FieldsProps, Folded, known, Select, Text } from './fields.tsx'

const DURATION = 'Such as 90d, 12h or 30m'

export function From({ form, onForm, registries }: FieldsProps) {
  const text = { form, onForm }
  return (
    <fieldset>
      <legend>From</legend>
      {form.sourceReference !== '' ? (
        <Text {...text} of="sourceReference" label="Source" hint="REGISTRY/PATH:TAG, or oci:DIR, tar:FILE" />
      ) : (
        <>
          <Select {...text} of="source" label="Source registry" options={known(registries, form.source)} />
          <Text
            {...text}
            of="namespaces"
            label="Namespaces"
            placeholder="library"
            hint="Names or patterns, with commas between them; empty: all that the credential sees"
          />
        </>
      )}
      <Text {...text} of="names" label="Repositories" placeholder="library/**, team/app" hint="Patterns; empty: all" />
      <Text {...text} of="tags" label="Tags" placeholder="1.*, latest" hint="Patterns; empty: all" />
      <Folded title="Versions, age and number" form={form} of={['semver', 'newest', 'pushedWithin', 'minAge']}>
        <Text
          {...text}
          of="semver"
          label="Versions"
          placeholder=">=1.20 <2"
          hint="Tags that are versions in this range"
        />
        <Text {...text} of="newest" label="Newest" placeholder="10" hint="So many tags of each repository" />
        <Text {...text} of="pushedWithin" label="Pushed within" placeholder="90d" hint={DURATION} />
        <Text {...text} of="minAge" label="Minimum age" placeholder="3d" hint={`Nothing younger. ${DURATION}`} />
      </Folded>
      <Folded
        title="Exclusions, labels and platforms"
        form={form}
        of={['excludedNames', 'excludedTags', 'labels', 'platforms', 'resource']}
      >
        <Text {...text} of="excludedNames" label="Leave out names" placeholder="**/test-*" />
        <Text {...text} of="excludedTags" label="Leave out tag patterns" placeholder="*-rc*, nightly" />
        <Text {...text} of="labels" label="Labels" hint="Where the registry has them" />
        <Text {...text} of="platforms" label="Platforms" placeholder="linux/amd64, linux/arm64" hint="Empty: all" />
        <Select
          {...text}
          of="resource"
          label="Images or charts"
          options={[
            ['', 'both'],
            ['image', 'images'],
            ['chart', 'charts'],
          ]}
        />
      </Folded>
    </fieldset>
  )
}
