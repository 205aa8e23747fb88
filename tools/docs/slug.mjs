/**
 * Makes the anchor that GitHub gives a heading.
 *
 * @param {string} heading
 */
export const slugOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
    .replaceAll(' ', '-')
