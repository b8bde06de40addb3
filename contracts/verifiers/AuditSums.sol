// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {IJury} from "../interfaces/IJury.sol";
import {IKeyBox} from "../interfaces/IKeyBox.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {AuditPlan, MOST_DRAWN, MOST_FURTHER, MOST_SEGMENTS, planOf} from "../types/AuditPlan.sol";
import {AuditWord} from "../types/AuditWord.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {BPS_WHOLE} from "../types/Money.sol";
import {isKeepable, isPrivate, missedPay} from "../types/PrivateTerms.sol";
import {confirmerOf, drawFirst, firstEnd, shareOf} from "./AuditDraw.sol";

/// @title What an audit draws and needs, apart
/// @notice Asked where a policy is admitted and where somebody is accused, so that AuditVerifier keeps below the size that a
/// contract may have. Made by it, for it; has no state.
contract AuditSums {
    /// @notice The least of every clock: the network's least take time, a hard bound.
    uint32 public immutable LEAST_CLOCK;

    uint8 private constant SEATS = 1;

    IBisection private immutable BISECTION;
    IKeyBox private immutable KEY_BOX;

    constructor(uint32 leastClock, IBisection bisection, IKeyBox keyBox) {
        (LEAST_CLOCK, BISECTION, KEY_BOX) = (leastClock, bisection, keyBox);
    }

    /// @notice As IVerifier.needs, of the audit tier.
    /// @dev reverts WorkersUnsupported, DrawNeeded, TokenNotHeard, ParamsInvalid, ClockTooShort
    function needs(JobTerms calldata terms) external view returns (IVerifier.Needs memory) {
        bytes32 params = terms.verifierParams;
        require(terms.workers == SEATS, IAuditVerifier.WorkersUnsupported(terms.workers, SEATS));
        require(IScheduler(terms.scheduler).DRAWS(), IAuditVerifier.DrawNeeded(terms.scheduler));
        bool heard = IJury(BISECTION.JURY()).fee(terms.payToken) > 0;
        require(heard, IAuditVerifier.TokenNotHeard(terms.payToken));
        AuditPlan memory plan = planOf(params);
        require(_isSound(plan), IAuditVerifier.ParamsInvalid(params));
        bool keepable = !isPrivate(params) || isKeepable(params, terms.workTime, LEAST_CLOCK);
        require(keepable, IAuditVerifier.ParamsInvalid(params));
        // INVARIANT: nobody can be given less time to answer, and so to keep his stake, than a job must give to be taken.
        uint256[4] memory clocks = [uint256(plan.respondTime), plan.takeTime, plan.auditTime, plan.moveTime];
        for (uint256 i = 0; i < clocks.length; ++i) {
            require(clocks[i] >= LEAST_CLOCK, IAuditVerifier.ClockTooShort(uint32(clocks[i]), LEAST_CLOCK));
        }
        // The first seats, a replacement for all of them at twice the fee, and a re-audit of as much again.
        uint256 most = 5 * plan.auditors * plan.drawn * plan.auditBps;
        return IVerifier.Needs({
            reserveBps: uint32((most + plan.segments - 1) / plan.segments),
            settleTime: _settleTime(plan) + BISECTION.MAX_TIME(plan.steps, plan.moveTime),
            silent: false
        });
    }

    function share(AuditWord audit, bytes32 params, uint256 number, bytes32 seed, bytes32 fresh)
        external
        pure
        returns (uint256[] memory)
    {
        return shareOf(audit, planOf(params), audit.sittingOf(number), number, seed, fresh);
    }

    /// @notice The seat that has confirmed this segment of the first draw; 0: none, or it is not of the first draw.
    function confirmer(AuditWord audit, bytes32 params, bytes32 seed, uint256 index) external pure returns (uint256) {
        (AuditPlan memory plan, uint256 done) = (planOf(params), audit.done());
        uint256[] memory drawn = drawFirst(seed, done, plan.first(done));
        for (uint256 position = 0; position < drawn.length; ++position) {
            if (drawn[position] == index) return confirmerOf(audit, plan.chairs(done), firstEnd(audit), position);
        }
        return 0;
    }

    /// @notice What a private job's worker gets who was handed no key, plus one; zero: he was.
    function missed(bytes32 params, address requester, uint256 nonce, uint256 price) external view returns (uint256) {
        return KEY_BOX.isMissed(requester, nonce) ? uint256(missedPay(params, price)) + 1 : 0;
    }

    function _isSound(AuditPlan memory plan) private pure returns (bool) {
        return plan.segments > 0 && plan.segments <= MOST_SEGMENTS && plan.auditors > 0 && plan.auditors <= 2
            && plan.drawn > 0 && plan.auditBps > 0 && plan.auditors * plan.drawn <= MOST_DRAWN
            && plan.reauditBps <= BPS_WHOLE && plan.steps > 0;
    }

    /// @dev Opening the commitment; three sittings, each with its seats, its serving, its shares and the claims of its last second,
    /// which fall, are made once more, answered and then contested; and a taking's time more for somebody to open the second and the third. Who serves
    /// may have to make all states of the sitting again. A dispute comes on top: one, since all run side by side.
    function _settleTime(AuditPlan memory plan) private pure returns (uint40) {
        uint256 whole = 2 * plan.auditors * plan.drawn; // what a re-audit replays
        uint256 last = whole > MOST_FURTHER ? whole : MOST_FURTHER;
        uint40 shares = plan.turns(plan.drawn) + 3 * plan.turns(plan.auditors * plan.drawn) + 2 * plan.turns(last);
        return 4 * plan.respondTime + 5 * plan.takeTime + 3 * plan.claimTime() + shares;
    }
}
