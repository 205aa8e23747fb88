// Checks that a version may be released, and prints the notes for it.
// tsx tools/release.ts v1.2.3
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { readPublished } from './workspace.mjs'

/** The word that stands for what only the owner of the project can decide. */
const PLACEHOLDER = 'OWNER'

/** Explains the placeholders, or searches for them. */
const ABOUT_PLACEHOLDERS = /^(?:docs\/releasing\.md$|tools\/)/

/** Finds what speaks against the release of `tag`, in the files below `root`. */
export function releaseFindings(root: string, tag: string): string[] {
  const published = readPublished(root)
  const version = tag.replace(/^v/, '')
  return [
    ...published
      .filter(({ manifest }) => `v${manifest.version}` !== tag)
      .map(({ manifest }) => `${manifest.name} has version ${manifest.version}, not ${version}`),
    ...published
      .filter(({ manifest }) => manifest.repository === undefined)
      .map(({ manifest }) => `${manifest.name} names no repository, which provenance needs`),
    ...pendingChangesets(root).map((name) => `the changeset ${name} is not part of a version`),
    ...placeholders(root).map((path) => `${path} still has the placeholder ${PLACEHOLDER}`),
    ...(releaseNotes(root, version) === undefined
      ? [`CHANGELOG.md has no text below a heading ${version}`]
      : []),
  ]
}

/** Reads the section of CHANGELOG.md about a version; undefined where there is none, or an empty one. */
export function releaseNotes(root: string, version: string): string | undefined {
  const sections = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /m).slice(1)
  const section = sections.find((text) => /^\S+/.exec(text)?.[0] === version)
  const notes = section?.slice(section.indexOf('\n')).trim()
  return notes === '' ? undefined : notes
}

/** Lists the files with placeholders. */
export function placeholders(root: string): string[] {
  const words = ['ls-files', '--cached', '--others', '--exclude-standard']
  return execFileSync('git', words, { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && !ABOUT_PLACEHOLDERS.test(path))
    .filter((path) => existsSync(join(root, path)))
    .filter((path) =>
      new RegExp(`\\b${PLACEHOLDER}\\b`).test(readFileSync(join(root, path), 'utf8')),
    )
}

function pendingChangesets(root: string): string[] {
  return readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md'))
}

if (argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, '..')
  const tag = argv[2] ?? ''
  const findings = releaseFindings(root, tag)
  if (findings.length > 0) {
    console.error(findings.join('\n'))
    process.exitCode = 1
  } else console.log(releaseNotes(root, tag.replace(/^v/, '')))
}
