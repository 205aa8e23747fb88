// The configuration of VitePress, copied beside the pages by build.ts together with what it knows of them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { slugOf } from '../docs/slug.mjs'

/**
 * @typedef {object} Site
 * @property {string} repository
 * @property {string} base
 * @property {{ text: string, items: { text: string, link: string }[] }[]} sidebar
 * @property {string[]} versions of the reference, newest first
 */

/** @type {Site} */
const site = JSON.parse(readFileSync(join(import.meta.dirname, 'site.json'), 'utf8'))

/**
 * Keeps braces of the pages as text, which Vue would evaluate.
 *
 * @param {{ renderer: { render(...parts: unknown[]): string } }} markdown
 */
const keepBraces = ({ renderer }) => {
  const render = renderer.render.bind(renderer)
  renderer.render = (...parts) => render(...parts).replaceAll('{{', '&#123;&#123;')
}

export default {
  title: 'NOMYO for TypeScript',
  description: 'End-to-end encryption for the API of OpenAI',
  lang: 'en',
  base: site.base,
  cleanUrls: false,
  head: [
    ['meta', { name: 'referrer', content: 'no-referrer' }],
    // Cells of a phone have space for a number and its unit.
    ['style', {}, '@media (max-width: 640px) { .vp-doc :is(th, td) { padding: 6px 8px } }'],
  ],
  // Addresses of programs on the reader's machine.
  ignoreDeadLinks: 'localhostLinks',
  // A link works here and on GitHub.
  markdown: { anchor: { slugify: slugOf }, config: keepBraces },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    // The group of the page is open as well.
    sidebar: site.sidebar.map((group, at) => ({ ...group, collapsed: at > 0 })),
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Run a gateway', link: '/operators' },
      {
        text: 'API reference',
        items: site.versions.map((version) => ({
          text: version,
          link: `/reference/${version}/index.html`,
          target: '_self',
        })),
      },
    ],
    socialLinks: [{ icon: 'github', link: site.repository }],
  },
}
