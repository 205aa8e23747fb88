import { subset } from 'semver'
import { expect, inject, it } from 'vitest'
import { installedFor } from '../installed.js'
import { members } from '../run.js'

it.each(members.map(({ manifest }) => [manifest.name, manifest.engines?.node ?? '*']))(
  '%s and everything installed with it run on Node %s',
  (name, promised) => {
    const installed = installedFor(inject('everything'), [name])
    expect(installed.length).toBeGreaterThan(
      Object.keys(installed[0]!.manifest.dependencies!).length,
    )
    const refusing = installed.filter(({ manifest: { engines } }) => {
      const needed = engines?.node ?? '*'
      return !subset(promised, needed)
    })
    expect(
      refusing.map(({ manifest }) => [manifest.name, manifest.version, manifest.engines]),
    ).toEqual([])
  },
)
