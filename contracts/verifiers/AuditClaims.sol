// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {ExitClass, JobId, JobTerms, Seat} from "../types/JobTypes.sol";
import {ACCUSED, CONFIRMED, VOID} from "../types/AuditWord.sol";
import {isFailure, isUnder, resultOf, stateRoot, traceLeaf, traceStart} from "../types/TraceHash.sol";
import {AuditCase, lastOf} from "./AuditCase.sol";
import {AuditSittings} from "./AuditSittings.sol";

/// @title What auditors say is wrong, and what the worker says to it
abstract contract AuditClaims is AuditSittings {
    uint8 private constant RESULT = 255; // in place of a position

    /// @dev What a worker has at risk in a dispute. Kept by itself, so that it outlives the job.
    struct Bond {
        address token;
        uint40 until; // the dispute is over by then
        address worker;
        uint128 amount;
    }

    mapping(bytes32 key => Bond) private _bonds;

    // ---- the auditor

    /// @inheritdoc IAuditVerifier
    function accuse(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        uint8 number,
        bytes32[] calldata roots,
        uint8[] calldata positions
    ) external {
        AuditCase memory c = _begun(terms, held);
        _checkSeated(c, held, record, number);
        bool again = _checkUnspent(c, number);
        bytes32 own = _machineOf(c.id, msg.sender, c.audit.round());
        require(own == record.fingerprint, FingerprintDiffers(msg.sender, own, record.fingerprint));
        // INVARIANT: who found all that the worker has promised loses nothing by asking to see it in the trace. Only the first time: by
        // the second the worker has shown it to everybody.
        bool matched = !again && keccak256(abi.encodePacked(roots)) == record.checks[number - 2];
        uint256[] memory share = SUMS.share(c.audit, terms.verifierParams, number, record.seed, record.fresh);
        bool sound = roots.length == share.length && positions.length > 0 && positions.length <= 2
            && (positions.length == 1 || positions[0] != positions[1]);
        require(sound, ClaimsInvalid(c.id, number));
        if (again) delete _claims[c.id][number];
        for (uint256 i = 0; i < positions.length; ++i) {
            Claim memory claim = _claim(c, number, share, roots, positions[i]);
            (claim.matched, claim.again) = (matched, again);
            if (c.audit.isReaudit() && claim.index > 0) {
                claim.liable = uint8(SUMS.confirmer(c.audit, terms.verifierParams, record.seed, claim.index));
            }
            _claims[c.id][number][i] = claim;
            emit Accused(c.id, msg.sender, number, uint8(i), claim.index, claim.mine);
        }
        _audits[c.lane] = c.audit.withAnswer(number, ACCUSED);
    }

    /// @dev Whether the seat has accused before. What it said then must have fallen, all of it. Its time runs.
    function _checkUnspent(AuditCase memory c, uint256 number) private view returns (bool again) {
        uint256 answer = c.audit.answerOf(number);
        again = answer != 0;
        uint40 until = c.auditBy();
        if (again) {
            Claim[2] storage claims = _claims[c.id][number];
            // INVARIANT: nobody can keep a worker busy with claims one after the other.
            bool once = answer == VOID && claims[0].state == ClaimState.Fallen && !claims[0].again;
            require(once, AlreadyAnswered(c.id, msg.sender));
            until = c.againBy(lastOf(claims[0].answeredAt, claims[1].answeredAt));
        }
        require(block.timestamp <= until, IJobBoard.DeadlinePassed(c.id, until));
    }

    function _claim(
        AuditCase memory c,
        uint256 number,
        uint256[] memory share,
        bytes32[] calldata roots,
        uint8 position
    ) private view returns (Claim memory claim) {
        (claim.position, claim.state, claim.at) = (position, ClaimState.Open, uint40(block.timestamp));
        if (position == RESULT) return claim;
        require(position < share.length, ClaimsInvalid(c.id, uint8(number)));
        claim.index = uint16(share[position]);
        claim.mine = roots[position];
    }

    // ---- the worker

    /// @inheritdoc IAuditVerifier
    function respond(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        Opening calldata opening,
        uint8 number,
        uint8 which,
        Shown calldata shown
    ) external {
        (AuditCase memory c, Claim storage claim) = _examine(terms, held, record, opening, number, which, shown, false);
        bool fallen = shown.end == claim.mine;
        if (!fallen) (claim.state, claim.answeredAt) = (ClaimState.Differs, uint40(block.timestamp));
        emit Answered(c.id, number, which, fallen, shown.end);
        if (fallen) _fall(c, claim, number, which);
    }

    /// @inheritdoc IAuditVerifier
    function respondResult(
        JobTerms calldata terms,
        Seat[] calldata held,
        Opening calldata opening,
        uint8 number,
        uint8 which,
        ShownResult calldata shown
    ) external {
        AuditCase memory c = _begun(terms, held);
        Claim storage claim = _claimIn(c, number, which, false);
        require(claim.position == RESULT, ClaimsInvalid(c.id, number));
        _checkOpening(c, held, opening);
        uint256 done = opening.done;
        bool failed = shown.parts[0] == 0;
        bytes32 state = failed ? shown.state : stateRoot(shown.parts);
        bool bound = failed
            ? state == opening.resultRoot && isFailure(c.id, state)
            : resultOf(c.id, ExitClass.Ok, shown.parts[0]) == opening.resultRoot;
        bytes32 leaf = traceLeaf(shown.before, done, state, shown.metrics);
        require(bound && isUnder(opening.traceRoot, leaf, done, done, shown.proof), TraceMismatch(c.id, 0));
        emit Answered(c.id, number, which, true, state);
        _fall(c, claim, number, which);
    }

    /// @inheritdoc IAuditVerifier
    function contest(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        Opening calldata opening,
        uint8 number,
        uint8 which,
        Shown calldata shown
    ) external {
        (AuditCase memory c, Claim storage claim) = _examine(terms, held, record, opening, number, which, shown, true);
        require(held[0].worker == msg.sender, IJobBoard.NotSeated(c.id, msg.sender));
        require(number <= held.length && held[number - 1].worker != address(0), IJobBoard.WrongSeats(c.id, number));
        require(shown.end != claim.mine, ClaimsInvalid(c.id, number));
        claim.state = ClaimState.Contested;
        _hold(c, terms, number, which);
        IBisection(BISECTION).open(
            IBisection.Match({
                id: c.id,
                number: number,
                claim: which,
                defender: msg.sender,
                challenger: held[number - 1].worker,
                hardwareClass: terms.hardwareClass,
                start: shown.start,
                defended: shown.end,
                challenged: claim.mine,
                steps: c.plan.steps,
                clock: c.plan.moveTime
            })
        );
    }

    /// @dev A claim that may still be answered, or contested, and the segment that the worker shows for it.
    function _examine(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        Opening calldata opening,
        uint8 number,
        uint8 which,
        Shown calldata shown,
        bool answered
    ) private view returns (AuditCase memory c, Claim storage claim) {
        c = _begun(terms, held);
        claim = _claimIn(c, number, which, answered);
        _checkOpening(c, held, opening);
        _checkRecord(c, record);
        _checkShown(c, terms, record.checks[number - 2], opening, claim, shown);
    }

    /// @param answered whether it may have been answered already
    function _claimIn(AuditCase memory c, uint8 number, uint8 which, bool answered)
        private
        view
        returns (Claim storage claim)
    {
        claim = _claims[c.id][number][which & 1];
        bool open = claim.state == ClaimState.Open || (answered && claim.state == ClaimState.Differs);
        require(which < 2 && open, ClaimClosed(c.id, number, which));
        uint40 from = claim.state == ClaimState.Open ? claim.at : claim.answeredAt;
        uint40 until = from + c.plan.answerTime();
        require(block.timestamp <= until, IJobBoard.DeadlinePassed(c.id, until));
    }

    function _checkOpening(AuditCase memory c, Seat[] calldata held, Opening calldata opening) private pure {
        require(held.length > 0, IJobBoard.WrongSeats(c.id, 1));
        address worker = held[0].worker;
        bool same = worker != address(0) && _commitment(c.id, worker, opening) == held[0].commitment;
        require(same, CommitmentMismatch(c.id, worker));
    }

    /// @dev Start and end of the segment are where the trace says, and the end is what the worker has promised the auditor.
    function _checkShown(
        AuditCase memory c,
        JobTerms calldata terms,
        bytes32 check,
        Opening calldata opening,
        Claim storage claim,
        Shown calldata shown
    ) private view {
        (uint256 index, uint256 position) = (claim.index, claim.position);
        require(index > 0, TraceMismatch(c.id, 0));
        bytes32 before = _leafBefore(terms, index, shown);
        bool linked = index == 1 || isUnder(opening.traceRoot, before, index - 1, opening.done, shown.startProof);
        bytes32 leaf = traceLeaf(before, index, shown.end, shown.metrics);
        bool under = isUnder(opening.traceRoot, leaf, index, opening.done, shown.endProof);
        require(linked && under, TraceMismatch(c.id, uint16(index)));
        // INVARIANT: a worker whose check says another thing than his trace cannot answer; no auditor is left with states that fit
        // the one and not the other.
        bool kept = keccak256(abi.encodePacked(shown.roots)) == check && shown.roots[position] == shown.end;
        require(kept, RootsMismatch(c.id, address(0)));
    }

    /// @dev R_(index-1). R_0 is computed from the job's seed, as long as that can be had.
    function _leafBefore(JobTerms calldata terms, uint256 index, Shown calldata shown)
        private
        view
        returns (bytes32)
    {
        if (index > 1) return traceLeaf(shown.before, index - 1, shown.start, shown.startMetrics);
        bytes32 seed = IJobBoard(BOARD).seedOf(terms);
        return seed == 0 ? shown.before : traceStart(terms.specDigest, seed, shown.start);
    }

    /// @dev An auditor all of whose claims have fallen has done his work, if he found all that the worker has promised; else it is as
    /// if he had said nothing. INVARIANT: what can come of it is what came of it had he never accused, a re-audit too.
    function _fall(AuditCase memory c, Claim storage claim, uint256 number, uint256 which) private {
        (claim.state, claim.answeredAt) = (ClaimState.Fallen, uint40(block.timestamp));
        if (!_isSpent(_claims[c.id][number][1 - which].state)) return;
        bool matched = claim.matched;
        c.audit = c.audit.withAnswer(number, matched ? CONFIRMED : VOID);
        emit ClaimsFallen(c.id, uint8(number), matched);
        _keep(c);
    }

    function _isSpent(ClaimState state) private pure returns (bool) {
        return state == ClaimState.None || state == ClaimState.Fallen;
    }

    // ---- the bond of a dispute

    function _hold(AuditCase memory c, JobTerms calldata terms, uint8 number, uint8 which) private {
        uint128 bond = bondFor(terms);
        uint40 until = uint40(block.timestamp) + IBisection(BISECTION).MAX_TIME(c.plan.steps, c.plan.moveTime);
        _bonds[_bondKey(c.id, number, which)] = Bond(terms.payToken, until, msg.sender, bond);
        emit DisputeOpened(c.id, number, which, bond);
        IEscrow(ESCROW).hold(terms.payToken, msg.sender, bond);
    }

    /// @inheritdoc IAuditVerifier
    function releaseBond(JobId id, uint8 number, uint8 which) external {
        bytes32 key = _bondKey(id, number, which);
        Bond memory bond = _bonds[key];
        require(bond.amount > 0, NoDispute(id, number, which));
        IBisection.Outcome outcome = _outcomeOf(id, number, which);
        bool decided = outcome > IBisection.Outcome.Running || block.timestamp > bond.until;
        require(decided, DisputeUndecided(id, number, which));
        delete _bonds[key];
        // Where no juror was asked, nobody has earned it.
        bool lost = outcome == IBisection.Outcome.Challenger;
        address purse = lost ? IBisection(BISECTION).purseOf(address(this), id, number, which) : address(0);
        emit DisputeBondReleased(id, purse == address(0) ? bond.worker : purse, bond.amount);
        if (purse == address(0)) IEscrow(ESCROW).pay(bond.token, bond.worker, bond.worker, 0, 0, bond.amount);
        else IEscrow(ESCROW).pay(bond.token, bond.worker, purse, bond.amount, 0, 0);
    }

    function _bondKey(JobId id, uint256 number, uint256 which) private pure returns (bytes32) {
        return keccak256(abi.encode(id, number, which));
    }
}
