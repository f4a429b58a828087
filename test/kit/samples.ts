import { seededRandom } from "#core/calibration/bootstrap.ts";
import type { Sample } from "#core/calibration/sample.ts";

/**
 * Judged questions with three telling features (on scales of their own) and one of noise, in `groups` groups with a shift of
 * their own: the same for the same arguments.
 */
export function samplesOf(count: number, { groups = 12, seed = 3, set = "set", answerableShare = 0.6 } = {}): Sample[] {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const shifts = Array.from({ length: groups }, () => 0.3 * normal());
  return Array.from({ length: count }, (_, at) => {
    const answerable = random() < answerableShare;
    const group = at % groups;
    const shift = (shifts[group] ?? 0) + (answerable ? 1 : 0);
    const round = (value: number) => Math.round(value * 1e6) / 1e6;
    return {
      id: `${set}-${at}`,
      set,
      group: `g${group}`,
      answerable,
      fold: at % 10,
      features: {
        cosine: round(0.4 + 0.1 * shift + 0.1 * normal()),
        bm25: round(12 + 5 * shift + 6 * normal()),
        missing: round(3 - shift + 1.5 * normal()),
        noise: round(100 * normal()),
      },
    };
  });
}
