import type { DeathReport, Fault } from "./campaign.ts";

const MS_PER_SECOND = 1000;
/** Of a fault's sentences, those that are printed. */
const PROBLEM_LIMIT = 4;

export function reportLine({ operation, stores, deaths, doubleDeaths, faults }: DeathReport, ms: number): string {
  const end = faults.length === 0 ? "" : `, ${faults.length} FAULTS`;
  const seconds = (ms / MS_PER_SECOND).toFixed(1);
  return `${operation}: ${stores} stores, ${deaths} deaths, ${doubleDeaths} double deaths, ${seconds} s${end}`;
}

export function faultText({ storesMade, place, reaperStoresMade, reaperPlace, problems }: Fault): string {
  const second = reaperPlace === undefined ? "" : `, the reaper after ${reaperStoresMade} (${reaperPlace})`;
  const lines = problems.slice(0, PROBLEM_LIMIT).map((problem) => `    ${problem}`);
  return [`  the victim after ${storesMade} stores (${place})${second}`, ...lines].join("\n");
}

/** What a campaign came to. */
export class Totals {
  operations = 0;
  deaths = 0;
  doubleDeaths = 0;
  faultCount = 0;
  readonly places = new Set<string>();
  readonly reaperPlaces = new Set<string>();

  add(report: DeathReport): void {
    this.operations++;
    this.deaths += report.deaths;
    this.doubleDeaths += report.doubleDeaths;
    this.faultCount += report.faults.length;
    for (const place of report.places) this.places.add(place);
    for (const place of report.reaperPlaces) this.reaperPlaces.add(place);
  }

  get text(): string {
    const { operations, deaths, doubleDeaths, places, reaperPlaces, faultCount } = this;
    return (
      `${operations} operations, ${deaths} deaths after stores at ${places.size} places, ` +
      `${doubleDeaths} double deaths after stores at ${reaperPlaces.size} places of the recovery, ${faultCount} faults`
    );
  }
}
